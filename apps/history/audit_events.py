"""The event types of figures, exports and saved views of submissions."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, Change, EventGroup, EventOutcome, Key, ValueType, change_of
from apps.consumers.audit_keys import (
    COUNT,
    FIRST_ROW,
    LAST_ROW,
    SEARCH,
    SUBMISSION_FILTERS,
    SUBMISSION_SCOPE,
)
from apps.consumers.list_columns import COLUMNS

EVENTS = AppEvents("history")

EXPORT = Key("export", ValueType.WORD, _("Export"), record="export")  # its public id
FORMAT = Key(
    "format",
    ValueType.CODE,
    _("Format"),
    {
        "csv": _("CSV"),
        "csv_exact": _("CSV, exact"),
        "jsonl": _("JSON Lines"),
        "xlsx": _("Excel"),
    },
)
FIGURES_FORMAT = Key(
    "format",
    ValueType.CODE,
    _("Format"),
    {"xlsx": _("Excel"), "csv": _("CSV"), "svg": _("SVG")},
)
PERSONAL = Key("personal", ValueType.CODE, _("With personal data"), {"yes": _("yes"), "no": _("no")})
ROWS = Key("rows", ValueType.NUMBER, _("Rows"))
FAILURE_CODE = Key(
    "failure_code",
    ValueType.CODE,
    _("Cause"),
    {
        "access_ended": _(
            "their access or a role was ended, their password was changed, or they were signed out"
        ),
        "database_busy": _("the database was busy for too long"),
        "database_failed": _("the database refused the query"),
        "database_lost": _("the connection to the database was lost"),
        "disk_failed": _("the file could not be written"),
        "disk_full": _("there was no space left for the file"),
        "fault": _("an error of the portal"),
        "portal_stopped": _("the portal was stopped"),
        "process_lost": _("the portal was interrupted"),
        "reader_gone": _("the download was stopped"),
        "reader_stalled": _("the download stalled"),
        "search_gone": _("the search no longer exists"),
        "search_unreadable": _("the search cannot be read"),
    },
)
EXPORT_REASON = Key(
    "reason",  # why personal data are exported
    ValueType.CODE,
    _("Reason"),
    {
        "consumer_asked": _("a consumer asked for their data"),
        "complaint": _("a complaint or a claim"),
        "data_check": _("a check against another system"),
        "authority": _("an authority asked for it"),
        "other": _("another reason, in the note"),
    },
)

EXPORTER = Key("exporter", ValueType.NAME, _("Exported by"))

# Counts of submissions, without data of a consumer. count: number of submissions in the figures.
FIGURES_VIEWED = EVENTS.define(
    "figures.viewed",
    group=EventGroup.VIEWS,
    label=_("Figures opened"),
    sentence=_("%(actor)s opened the figures of %(count)s submissions"),
    keys=(SUBMISSION_FILTERS, SEARCH, SUBMISSION_SCOPE, COUNT),
)
# The numbers that the page shows, as a file: counts, without data of a consumer.
FIGURES_EXPORTED = EVENTS.define(
    "figures.exported",
    group=EventGroup.EXPORTS,
    label=_("Figures exported"),
    sentence=_("%(actor)s exported the figures of %(count)s submissions (%(format)s)"),
    keys=(FIGURES_FORMAT, SUBMISSION_FILTERS, SEARCH, SUBMISSION_SCOPE, COUNT),
)
EXPORT_STARTED = EVENTS.define(
    "export.started",
    group=EventGroup.EXPORTS,
    label=_("Export of submissions started"),
    sentence=_(
        "%(actor)s started to export %(expected)s submissions (%(format)s, with personal data: %(personal)s)"
    ),
    keys=(
        EXPORT,
        FORMAT,
        SUBMISSION_FILTERS,
        SEARCH,
        SUBMISSION_SCOPE,
        Key("columns", ValueType.CODES, _("Columns")),
        PERSONAL,
        EXPORT_REASON,
        Key("expected", ValueType.NUMBER, _("Rows expected")),
        FIRST_ROW,
        LAST_ROW,
        Key("newest", ValueType.NUMBER, _("Newest row number at the start")),
        Key("head", ValueType.NUMBER, _("Last event before the selection was read")),
    ),
)
# rows, bytes and sha256 are those of the whole file.
EXPORT_FINISHED = EVENTS.define(
    "export.finished",
    group=EventGroup.EXPORTS,
    label=_("Submissions exported"),
    sentence=_("%(actor)s exported %(rows)s submissions (%(format)s, with personal data: %(personal)s)"),
    keys=(
        EXPORT,
        FORMAT,
        PERSONAL,
        ROWS,
        # Rows whose personal data cannot be read.
        Key("unreadable", ValueType.NUMBER, _("Rows that could not be read")),
        Key("bytes", ValueType.NUMBER, _("Bytes")),
        Key("sha256", ValueType.CODE, _("SHA-256")),
    ),
)
# rows: number written; fewer may have been sent. exporter: the person; the actor may be the worker.
EXPORT_FAILED = EVENTS.define(
    "export.failed",
    group=EventGroup.EXPORTS,
    label=_("Export of submissions failed"),
    sentence=_("An export of submissions by %(exporter)s failed: %(failure_code)s"),
    keys=(
        EXPORT,
        EXPORTER,
        FORMAT,
        PERSONAL,
        FAILURE_CODE,
        ROWS,
    ),
    outcome=EventOutcome.FAILED,
)
EXPORT_CANCELLED = EVENTS.define(
    "export.cancelled",
    group=EventGroup.EXPORTS,
    label=_("Export of submissions cancelled"),
    sentence=_("%(actor)s cancelled an export of submissions"),
    keys=(EXPORT, FORMAT, PERSONAL, ROWS),
)

PARAMETER_LABELS = {
    "period": _("period"),
    "sort": _("order of the list"),
    "since": _("from"),
    "until": _("to"),
    "outcome": _("outcome"),
    "attention": _("needs attention"),
    "person": _("person"),
    "order": _("order reference"),
    "consumer": _("consumer reference"),
    "guest": _("guest reference"),
    "batch": _("list of people"),
    "reason": _("reason"),
    "answered_from": _("shortest time to answer"),
    "answered_under": _("longest time to answer"),
}
ANOTHER_VALUE = "another"


def _other_value(code: str) -> str | None:
    name, _colon, value = code.partition(":")
    if value != ANOTHER_VALUE or name not in PARAMETER_LABELS:
        return None
    return gettext("%(filter)s (another value)") % {"filter": PARAMETER_LABELS[name]}


# The view's name is free text, and is not recorded.
_VIEW_KEYS = (
    Key("view", ValueType.WORD, _("View")),  # its public id
    Key(
        "audience",
        ValueType.CODE,
        _("For"),
        {"own": _("themselves"), "staff": _("Staff"), "supervisor": _("Supervisor")},
    ),
    Key(
        "parameters",  # the names of its filters, never their values
        ValueType.CODES,
        _("Filters"),
        PARAMETER_LABELS,
    ),
)
# Filters by name, with ":another" after the change if only the value is another; values are never recorded.
_VIEW_FILTERS = Change(
    _("Filters"),
    Key("parameters_before", ValueType.CODES, _("Filters (before)"), PARAMETER_LABELS),
    Key("parameters_after", ValueType.CODES, _("Filters (after)"), PARAMETER_LABELS, _other_value),
)
_VIEW_COLUMNS = change_of("columns", ValueType.CODES, _("Columns"), COLUMNS)
_VIEW_DEFAULT = change_of("default", ValueType.CODE, _("Opens first"), {"yes": _("yes"), "no": _("no")})
_VIEW_WARNING = change_of("warn_above", ValueType.NUMBER, _("Warns above"))
# The ids of two views: only if this view opens first in place of another one of the same person or role.
_VIEW_REPLACED = change_of("default_view", ValueType.WORD, _("View that opens first"))
VIEW_SAVED = EVENTS.define(
    "view.saved",
    group=EventGroup.CHANGES,
    label=_("View of submissions saved"),
    sentence=_("%(actor)s saved a view of submissions for: %(audience)s"),
    keys=_VIEW_KEYS,
    changes=(_VIEW_REPLACED,),
)
VIEW_CHANGED = EVENTS.define(
    "view.changed",
    group=EventGroup.CHANGES,
    label=_("View of submissions changed"),
    sentence=_("%(actor)s changed a view of submissions for: %(audience)s"),
    keys=(
        *_VIEW_KEYS,
        Key("renamed", ValueType.CODE, _("Name changed"), {"yes": _("yes"), "no": _("no")}),
    ),
    changes=(_VIEW_FILTERS, _VIEW_COLUMNS, _VIEW_DEFAULT, _VIEW_REPLACED, _VIEW_WARNING),
)
VIEW_DELETED = EVENTS.define(
    "view.deleted",
    group=EventGroup.CHANGES,
    label=_("View of submissions deleted"),
    sentence=_("%(actor)s deleted a view of submissions for: %(audience)s"),
    keys=_VIEW_KEYS,
)
# count: number of exports on the page.
EXPORTS_LISTED = EVENTS.define(
    "exports.listed",
    group=EventGroup.VIEWS,
    label=_("Past exports opened"),
    sentence=_("%(actor)s opened the list of past exports"),
    keys=(
        Key(
            "filters",  # the names of the filters, never their values
            ValueType.CODES,
            _("Filters"),
            {"since": _("from"), "until": _("to"), "person": _("person")},
        ),
        COUNT,
    ),
)
# The page of another person's export. note: whether the reader was shown the note on its reason.
EXPORT_VIEWED = EVENTS.define(
    "export.viewed",
    group=EventGroup.VIEWS,
    label=_("Past export opened"),
    sentence=_("%(actor)s opened an export of submissions by %(exporter)s"),
    keys=(
        EXPORT,
        EXPORTER,
        Key("note", ValueType.CODE, _("Note shown"), {"yes": _("yes"), "no": _("no")}),
    ),
)
