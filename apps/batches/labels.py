"""The texts for codes of batches. States and reasons have theirs in the models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from apps.batches.models import PauseReason, RowState
from apps.batches.reading.limits import COUNTED_ROWS, MAX_CELL, MAX_COLUMNS
from apps.batches.reading.table import Finding, FindingCode, NotReadable, TableFault
from apps.consumers.audit_keys import OVERRIDDEN_WARNINGS
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.paste.columns import IDENTIFIER_ID, IDENTIFIER_PROVIDER, PROVIDER_PREFIX, TARGETS

# --- What was read of a text or file ---------------------------------------------------------------

_FAULTS: dict[TableFault, Promise] = {
    TableFault.EMPTY: _("There are no rows. Put the people in the first sheet, one in each row."),
    TableFault.NOT_A_TABLE: _(
        "This is not a table that the portal reads. Save it as an Excel workbook (.xlsx), as an OpenDocument"
        " spreadsheet (.ods) or as CSV, and upload that file."
    ),
    TableFault.OLD_EXCEL: _(
        "This is a workbook of an Excel before 2007 (.xls). Save it as an Excel workbook (.xlsx) and upload"
        " that file."
    ),
    TableFault.HTML: _(
        "This is a web page, although its name says otherwise. Open it in a spreadsheet program, save it as"
        " an Excel workbook (.xlsx) and upload that file."
    ),
    TableFault.HAS_PASSWORD: _("The file has a password. Save it without a password and upload it again."),
    TableFault.DAMAGED: _(
        "The file is damaged. Open it in a spreadsheet program, save it again as an Excel workbook (.xlsx)"
        " and upload that file."
    ),
    TableFault.TOO_COMPLEX: _(
        "The file needs more memory or time than the portal uses for one. Copy the rows into a new workbook"
        " as values and upload that, or paste them."
    ),
    TableFault.ENCODING_UNKNOWN: _(
        "The portal cannot tell which letters the file contains. Save it as “CSV UTF-8” or as an Excel"
        " workbook (.xlsx) and upload that file."
    ),
    TableFault.SEVERAL_FORMATS: _(
        "The rows are separated into columns in different ways. Use the same separator in all rows, or save"
        " the table as an Excel workbook (.xlsx), and upload it again."
    ),
    TableFault.BUSY: _("The portal is reading other files. Upload it again in a minute."),
}


def fault_text(error: NotReadable) -> str:
    """Why a text or file was not read, and what to do. Nothing of the file is in it."""
    count = error.count
    match error.fault:
        case TableFault.TOO_LARGE:
            limit = number_format(count / 1_000_000, 1, force_grouping=True)
            return gettext(
                "The table is larger than %(limit)s MB. Delete what is not needed, such as pictures and"
                " further sheets, or divide it into several."
            ) % {"limit": limit.removesuffix(".0")}
        case TableFault.TOO_MANY_ROWS:
            shown = number_format(count, force_grouping=True)
            if count >= COUNTED_ROWS:
                shown = gettext("at least %(count)s") % {"count": shown}
            return gettext("The table has %(count)s rows, too many for one list. Divide it into several.") % {
                "count": shown
            }
        case TableFault.TOO_MANY_COLUMNS:
            return gettext(
                "The table has %(count)s columns, or there is content far to the right of it. The portal"
                " reads %(limit)s. Delete the others and upload it again."
            ) % {"count": number_format(count, force_grouping=True), "limit": MAX_COLUMNS}
        case TableFault.CELL_TOO_LONG:
            return gettext(
                "Row %(row)s has a cell with more than %(limit)s characters. Shorten it and upload the table"
                " again."
            ) % {"row": count, "limit": number_format(MAX_CELL, force_grouping=True)}
        case fault:
            return str(_FAULTS[fault])


_DELIMITERS: dict[str, Promise] = {
    "tab": _("tabs"),
    "semicolon": _("semicolons"),
    "comma": _("commas"),
    "bar": _("vertical bars"),
}
_FINDINGS: dict[FindingCode, Promise] = {
    FindingCode.MACROS: _("The file has macros. They were not run."),
    FindingCode.NUL_REMOVED: _("Characters without meaning (NUL) were removed from the file."),
}
_COUNTED: Final[Mapping[FindingCode, Promise]] = {
    FindingCode.HIDDEN_ROWS: ngettext_lazy(
        "%(count)s hidden row was read as well.", "%(count)s hidden rows were read as well.", "n"
    ),
    FindingCode.HIDDEN_COLUMNS: ngettext_lazy(
        "%(count)s hidden column was read as well.", "%(count)s hidden columns were read as well.", "n"
    ),
    FindingCode.OTHER_SHEETS: ngettext_lazy(
        "The first visible sheet was read. %(count)s further sheet was not.",
        "The first visible sheet was read. %(count)s further sheets were not.",
        "n",
    ),
    FindingCode.MERGED_CELLS: ngettext_lazy(
        "%(count)s cell is merged over several rows. Its value was taken for each of them.",
        "%(count)s cells are merged over several rows. Their values were taken for each of them.",
        "n",
    ),
    FindingCode.DATES_MAY_BE_EXCHANGED: ngettext_lazy(
        "%(count)s date of birth is stored as a date, but others of its column are text. The spreadsheet"
        " program may have exchanged its day and month: compare it with the original list.",
        "%(count)s dates of birth are stored as dates, but others of their column are text. The"
        " spreadsheet program may have exchanged their day and month: compare them with the original"
        " list.",
        "n",
    ),
    FindingCode.FORMULAS: ngettext_lazy(
        "%(count)s cell is a formula. Its stored result was read.",
        "%(count)s cells are formulas. Their stored results were read.",
        "n",
    ),
    FindingCode.FORMULAS_WITHOUT_RESULT: ngettext_lazy(
        "%(count)s formula has no stored result. Save the file in a spreadsheet program and upload it"
        " again, or enter the value in its row.",
        "%(count)s formulas have no stored results. Save the file in a spreadsheet program and upload it"
        " again, or enter the values in their rows.",
        "n",
    ),
    FindingCode.ERROR_VALUES: ngettext_lazy(
        "%(count)s cell shows an error such as #REF!. Enter the value in its row.",
        "%(count)s cells show an error such as #REF!. Enter the values in their rows.",
        "n",
    ),
    FindingCode.SHORTENED_NUMBERS: ngettext_lazy(
        "%(count)s number was shortened by a spreadsheet program, for example to 1.23E+11. Its last"
        " digits are lost. Enter it again in its row.",
        "%(count)s numbers were shortened by a spreadsheet program, for example to 1.23E+11. Their last"
        " digits are lost. Enter them again as text.",
        "n",
    ),
    FindingCode.LOST_ZEROS: ngettext_lazy(
        "%(count)s number may have lost zeros at its beginning: others of its column begin with zeros.",
        "%(count)s numbers may have lost zeros at their beginning: others of their column begin with zeros.",
        "n",
    ),
    FindingCode.UNEVEN_ROWS: ngettext_lazy(
        "%(count)s row has more cells than the headers. Check that its columns are not shifted.",
        "%(count)s rows have more cells than the headers. Check that their columns are not shifted.",
        "n",
    ),
    FindingCode.ROWS_ABOVE_HEADERS: ngettext_lazy(
        "%(count)s row above the headers was left out.",
        "%(count)s rows above the headers were left out.",
        "n",
    ),
    FindingCode.EXAMPLE_ROWS: ngettext_lazy(
        "%(count)s example row of the template was left out.",
        "%(count)s example rows of the template were left out.",
        "n",
    ),
}
"""The texts of the findings that count something. ``n``: how many; ``count``: the same as a text."""


def finding_text(finding: Finding) -> str:
    """What a person has to know about a file that was read."""
    if finding.code is FindingCode.ENCODING_GUESSED:
        return gettext(
            "The file does not say how its letters are encoded. They were read as %(name)s: check names with"
            " accents and other special letters."
        ) % {"name": finding.detail}
    if finding.code is FindingCode.DELIMITER:
        return gettext("The columns are separated by %(name)s.") % {"name": _DELIMITERS[finding.detail]}
    if finding.code in _FINDINGS:
        return str(_FINDINGS[finding.code])
    count = number_format(finding.count, force_grouping=True)
    return str(_COUNTED[finding.code] % {"n": finding.count, "count": count})


# --- Rows, columns, pauses ---------------------------------------------------------------------------

NOT_READABLE: Final = _("Some rows cannot be decrypted. Nothing was done: tell your administrator.")
LEAVE_OUT: Final = _("Leave out this column")
SHAPES: Final[Mapping[RowState, str]] = {
    RowState.UNCHECKED: "unchecked",
    RowState.NEEDS_ATTENTION: "warning",
    RowState.READY: "ready",
    RowState.SENDING: "sending",
    RowState.CREATED: "created",
    RowState.REJECTED: "rejected",
    RowState.NOT_SENT: "not_sent",
    RowState.UNKNOWN: "unknown",
    RowState.NOT_CREATED: "not_created",
    RowState.ALREADY_SENT: "already_sent",
    RowState.LEFT_OUT: "left_out",
}
"""The shape of each state of a row."""


def target_label(target: str) -> str:
    """The label of the field that a column goes to; of no field for an empty target."""
    if not target:
        return str(LEAVE_OUT)
    if target.startswith(PROVIDER_PREFIX):
        return gettext("Identifier of %(provider)s") % {"provider": target.removeprefix(PROVIDER_PREFIX)}
    own = {
        "order_ref": gettext("Order"),
        IDENTIFIER_PROVIDER: gettext("Identifier provider"),
        IDENTIFIER_ID: gettext("Identifier ID"),
    }
    return own.get(target) or str(FIELD_LABELS[target])


def target_choices(providers: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every field that a column can go to, beginning with none."""
    targets = ("", *TARGETS, *(f"{PROVIDER_PREFIX}{name}" for name in providers))
    return [(target, target_label(target)) for target in targets]


_WARNINGS: Final[Mapping[str, str | Promise]] = {
    "similar_row": _("another row of this list is the same or similar"),
    "row_sent_before": _("the row was sent before"),
    "exchanged_date": _("day and month of the date of birth may be exchanged"),
}


def warning_label(code: str) -> str:
    """A kind of warning in a few words, beginning with a capital letter."""
    label = str(_WARNINGS.get(code) or OVERRIDDEN_WARNINGS.labels.get(code, code))
    return label[:1].upper() + label[1:]


_PAUSES: Final[Mapping[PauseReason, str | Promise]] = {
    PauseReason.BY_PERSON: _("Nothing more is sent until it is resumed."),
    PauseReason.NOT_PERMITTED: _(
        "The person who confirmed this list may no longer create order consumers. Rows that are not sent stay"
        " ready; a supervisor can stop the list."
    ),
    PauseReason.CREDENTIALS: _(
        "Sitecore CDP refuses the API credentials of the portal. Tell your administrator, then resume."
    ),
    PauseReason.SEVERAL_UNKNOWN: _(
        "The outcomes of five rows in a row were unknown. Resume when Sitecore CDP answers again."
    ),
    PauseReason.NOT_REACHED: _(
        "Sitecore CDP could not be reached five times in a row. Resume when it answers again."
    ),
    PauseReason.RATE_LIMITED: _(
        "Sitecore CDP keeps answering that there are too many requests. Resume in a few minutes."
    ),
    PauseReason.NOT_READABLE: _(
        "A row cannot be decrypted: the portal may not have its key. Tell your administrator, then resume."
    ),
    PauseReason.FAULT: _("The portal has an error. Tell your administrator, then resume."),
}


def comparison_text() -> str:
    """With what the rows are compared before they are sent, if the order could not be checked."""
    if settings.CDP_RECONCILIATION:
        return gettext("Each row is compared again before it is sent.")
    return gettext(
        "Each row is compared again before it is sent, but only with consumers that the portal knows."
    )


def pause_text(reason: str) -> str:
    """Why a batch is paused, and what to do."""
    return str(_PAUSES[PauseReason(reason)])
