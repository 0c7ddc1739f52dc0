"""The event types of figures and exports of submissions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.audit.registry import AppEvents, EventOutcome, Key, ValueType
from apps.consumers.audit_keys import COUNT, SEARCH, SUBMISSION_FILTERS, SUBMISSION_SCOPE

EVENTS = AppEvents("history")

EXPORT = Key("export", ValueType.WORD, _("Export"))  # its public id
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
PERSONAL = Key("personal", ValueType.CODE, _("With personal data"), {"yes": _("yes"), "no": _("no")})
ROWS = Key("rows", ValueType.NUMBER, _("Rows"))
FAILURE_CODE = Key(
    "failure_code",
    ValueType.CODE,
    _("Cause"),
    {
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
    label=_("Figures opened"),
    sentence=_("%(actor)s opened the figures of %(count)s submissions"),
    keys=(SUBMISSION_FILTERS, SEARCH, SUBMISSION_SCOPE, COUNT),
)
EXPORT_STARTED = EVENTS.define(
    "export.started",
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
    ),
)
# rows, bytes and sha256 are those of the whole file.
EXPORT_FINISHED = EVENTS.define(
    "export.finished",
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
    label=_("Export of submissions cancelled"),
    sentence=_("%(actor)s cancelled an export of submissions"),
    keys=(EXPORT, FORMAT, PERSONAL, ROWS),
)
# count: number of exports on the page.
EXPORTS_LISTED = EVENTS.define(
    "exports.listed",
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
    label=_("Past export opened"),
    sentence=_("%(actor)s opened an export of submissions by %(exporter)s"),
    keys=(
        EXPORT,
        EXPORTER,
        Key("note", ValueType.CODE, _("Note shown"), {"yes": _("yes"), "no": _("no")}),
    ),
)
