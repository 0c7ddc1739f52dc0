"""What the paste box shows: the preview of a pasted text, why it cannot be read, what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.consumers import value_lists
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.forms.paste import (
    Filled,
    PastePost,
    choice_name,
    field_name,
    fingerprint,
    is_present,
    present_value,
    seen_name,
    use_name,
)
from apps.consumers.paste.cells import Note, Problem
from apps.consumers.paste.columns import IDENTIFIER_ID, IDENTIFIER_PROVIDER, PROVIDER_PREFIX, TARGETS
from apps.consumers.paste.mrz_lines import LinesFault, NotReadable
from apps.consumers.paste.proposal import Item, Proposal
from apps.consumers.paste.rows import MAX_COLUMNS, MAX_TEXT, NotOneRow, RowFault

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

NOTHING_PASTED = _("Paste a spreadsheet row or the lines of a machine-readable zone")

# The parts of an MRZ, as they are printed beside the values of a document.
MRZ_PARTS: Mapping[str, _StrPromise] = {
    "number": _("Document number"),
    "last_name": _("Surname"),
    "first_name": _("Given names"),
    "nationality": _("Nationality"),
    "date_of_birth": _("Date of birth"),
    "sex": _("Sex"),
    "document": _("Document"),
    "issuer": _("Issuing state"),
    "expiry": _("Date of expiry"),
    "optional": _("Optional data"),
}
PROBLEMS: Mapping[Problem, _StrPromise] = {
    Problem.NO_FIELD: _("No field of the form"),
    Problem.COLUMN_REPEATED: _("Another column goes to this field"),
    Problem.NO_ROOM: _("The list of the form is full"),
    Problem.LINE_BREAK: _("Contains a line break"),
    Problem.SHORTENED: _("The spreadsheet has shortened this number. Copy it as text"),
    Problem.NOT_A_TITLE: _("Not a title of the list"),
    Problem.NOT_A_GENDER: _("Not a gender of the list"),
    Problem.NOT_A_DATE: _("Not a date that can be read"),
    Problem.SHORT_YEAR: _("The year has two digits"),
    Problem.NOT_PAST: _("Not a date before today"),
    Problem.NOT_AN_ADDRESS: _("Not an email address"),
    Problem.NOT_A_COUNTRY: _("Not a country of the list"),
    Problem.NOT_AVAILABLE: _("NA may mean Namibia or “not available”. Enter it in full"),
    Problem.NO_VALUE: _("This seems to stand for no value"),
    Problem.CHECK_DIGIT: _("The check digit is wrong. Read the document again"),
    Problem.CHARACTERS: _("Contains a character that is not allowed here. Read the document again"),
    Problem.PARTLY_UNKNOWN: _("The document does not give the whole date"),
    Problem.NO_DEMONYM: _("This code is not the nationality of a country"),
    Problem.NOT_SPECIFIED: _("Not specified in the document"),
    Problem.VISA_NUMBER: _(
        "This is the number of the visa or that of the passport. Compare it with the document"
    ),
    Problem.NOT_RESIDENCE: _("The field is the country of the person, not of the document"),
}
NOTES: Mapping[Note, _StrPromise] = {
    Note.NAME: _("Check against the document: accents are missing and long names are cut"),
    Note.NAME_MAY_BE_CUT: _("The names fill their whole line and may be cut"),
    Note.NO_CHECK_DIGIT: _("Has no check digit. Compare it with the document"),
    Note.COMPOSITE: _("The check digit over several parts is wrong. Compare it before you tick it"),
    Note.CENTURY: _("The document does not give the century. Compare the year"),
    Note.LOOKALIKES: _("Check digits do not distinguish 6 from G, 1 from L or K from a filler. Compare it"),
    Note.FILLER_INSIDE: _("Has a filler inside, for a blank or another sign. Compare the number"),
    Note.NOT_A_PASSPORT: _(
        "This document is not a passport. Tick it only if its number belongs in this field"
    ),
    Note.DAY_FIRST: _("Read as day, month, year"),
    Note.MONTH_FIRST: _("Read as month, day, year"),
    Note.FROM_CODE: _("From the code of a country"),
}
_NO_FAULT = frozenset({None, Problem.NO_FIELD, Problem.NOT_RESIDENCE, Problem.NOT_SPECIFIED})
_LINES: Mapping[LinesFault, _StrPromise] = {
    LinesFault.LENGTHS: _(
        "This looks like a machine-readable zone, but its lines have %(lengths)s characters. They must be"
        " three of 30, two of 36 or two of 44. Read the document again"
    ),
    LinesFault.AMBIGUOUS: _(
        "This machine-readable zone can be read in two ways because of its blanks. Paste it without blanks"
    ),
    LinesFault.CHARACTERS: _(
        "This looks like a machine-readable zone, but it contains characters other than letters A to Z,"
        " digits and <. Read the document again"
    ),
    LinesFault.DOCUMENT_CODE: _(
        "This looks like a machine-readable zone, but its first line does not begin with the code of a"
        " document. Paste the lines in their order"
    ),
}
_ROWS: Mapping[RowFault, _StrPromise] = {
    RowFault.TOO_LONG: _("The pasted text has %(count)s characters. Paste at most %(limit)s"),
    RowFault.TOO_MANY_COLUMNS: _("The pasted row has %(count)s columns. Paste at most %(limit)s"),
    RowFault.SEVERAL_ROWS: _("%(count)s rows were pasted. Paste one row, with or without its headers"),
    RowFault.ONLY_HEADERS: _("Only headers were pasted. Paste the row below them as well"),
}
_LIMITS = {RowFault.TOO_LONG: f"{MAX_TEXT:,}", RowFault.TOO_MANY_COLUMNS: str(MAX_COLUMNS)}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a select."""

    value: str
    label: str
    is_selected: bool


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One item of the preview. Names are those of its controls; an empty one means that there is none.

    ``value``: what would be filled in, as the form shows it. ``present``: what the form has in this field, if
    that is something else. ``pair``: the identifier that a half belongs to. ``is_present``: the form has this
    value already. ``is_fault``: the problem is one of the text, and not only that the form has no field for
    it.
    """

    source: str
    text: str
    field_label: str
    value: str
    present: str
    pair: str
    is_present: bool
    problem: str
    is_fault: bool
    notes: tuple[str, ...]
    seen_name: str
    seen: str
    field_name: str = ""
    fields: tuple[Option, ...] = ()
    use_name: str = ""
    is_ticked: bool = False
    choice_name: str = ""
    choices: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """A pasted text before it is filled in. ``changed``: the person has not yet seen it in this form."""

    lines: tuple[PreviewLine, ...]
    is_mrz: bool
    composite_failed: bool
    asks_for_columns: bool
    changed: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A value that was not filled in, and why."""

    source: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class PasteBox:
    """The box: its text, why it cannot be read, the preview, or what was filled in.

    ``unsent``: Create was pressed while the box has a text, and nothing was sent. ``is_answer``: a button of
    the box was pressed, so that the preview gets the focus. ``asks_to_look``: not everything was filled in,
    so that the panel about it gets the focus.
    """

    text: str = ""
    error: str = ""
    preview: Preview | None = None
    filled: tuple[str, ...] | None = None
    left_out: tuple[LeftOut, ...] = ()
    unsent: bool = False
    is_answer: bool = True
    asks_to_look: bool = False

    @property
    def preview_title(self) -> str:
        """The title of the panel above the preview."""
        if self.unsent:
            return str(_("Nothing was sent: the pasted text is not filled in"))
        if self.preview and self.preview.changed:
            return str(_("Nothing was filled in: something has changed"))
        return str(_("Check what was read"))

    @property
    def is_open(self) -> bool:
        """Whether the box is shown open."""
        return bool(self.text or self.error or self.preview)


def target_label(target: str) -> str:
    """The label of a field that a column can go to."""
    if target.startswith(PROVIDER_PREFIX):
        return str(_("Identifier: %(provider)s")) % {"provider": target.removeprefix(PROVIDER_PREFIX)}
    special = {
        "order_ref": _("Order"),
        IDENTIFIER_PROVIDER: _("Identifier provider"),
        IDENTIFIER_ID: _("Identifier ID"),
    }
    return str(special.get(target) or FIELD_LABELS[target])


def fault_text(fault: NotReadable | NotOneRow) -> str:
    """Why a pasted text cannot be read, and what to do."""
    if isinstance(fault, NotReadable):
        return str(_LINES[fault.fault]) % {"lengths": ", ".join(map(str, fault.lengths))}
    return str(_ROWS[fault.fault]) % {"count": f"{fault.count:,}", "limit": _LIMITS.get(fault.fault, "")}


def preview_of(
    proposal: Proposal,
    values: Mapping[str, str],
    providers: tuple[str, ...],
    *,
    chosen: PastePost | None = None,
    changed: bool = False,
) -> Preview:
    """The preview of a proposal, beside the values of the form. Blank cells are left out of an MRZ only.

    ``chosen``: the post of an earlier preview; a line that is still the same keeps what was chosen in it.
    """
    is_mrz = proposal.mrz_format is not None
    lines = tuple(
        _line(index, item, values, providers, chosen, is_mrz=is_mrz)
        for index, item in enumerate(proposal.items)
    )
    return Preview(
        lines,
        is_mrz=is_mrz,
        composite_failed=proposal.composite is False,
        asks_for_columns=not is_mrz and not proposal.has_headers,
        changed=changed,
    )


def filled_labels(filled: Filled) -> tuple[str, ...]:
    """The labels of the filled fields, each once."""
    return tuple(dict.fromkeys(target_label(item.target) for item in filled.used))


def asks_to_look(filled: Filled, *, is_mrz: bool) -> bool:
    """Whether nothing was filled in, or something was left out other than what no MRZ could fill in."""
    expected = _NO_FAULT - {None} if is_mrz else frozenset()
    return not filled.names or any(item.problem not in expected for item in filled.left_out)


def left_out_lines(filled: Filled, *, is_mrz: bool) -> tuple[LeftOut, ...]:
    """The values that were not filled in, with the reason."""
    return tuple(
        LeftOut(
            _source(item, None, is_mrz=is_mrz),
            item.text,
            _problem_text(item, is_mrz=is_mrz) or str(_("Not chosen")),
        )
        for item in filled.left_out
    )


def _problem_text(item: Item, *, is_mrz: bool) -> str:
    if item.problem is Problem.NO_FIELD and not is_mrz:
        return str(_("No field chosen"))
    return str(PROBLEMS[item.problem]) if item.problem else ""


def _source(item: Item, index: int | None, *, is_mrz: bool) -> str:
    if is_mrz:
        return str(MRZ_PARTS[item.source])
    if item.source or index is None:
        return item.source or (target_label(item.target) if item.target else str(_("Column")))
    return str(_("Column %(number)s")) % {"number": index + 1}


def _line(
    index: int,
    item: Item,
    values: Mapping[str, str],
    providers: tuple[str, ...],
    chosen: PastePost | None,
    *,
    is_mrz: bool,
) -> PreviewLine:
    if chosen is not None and not chosen.has_choice_for(index, item, values):
        chosen = None
    already = is_present(item, values)
    present = "" if already or not item.is_usable else present_value(item, values)
    asks = item.is_usable and not item.choices and not already
    is_ticked = chosen.is_ticked(index) if chosen else not item.is_uncertain and not present
    choices: tuple[Option, ...] = ()
    if item.is_usable and item.choices:
        choice = chosen.choice(index) if chosen else ""
        labels = {"": str(_("Choose one")), **{one: one for one in item.choices}}
        choices = tuple(Option(one, label, one == choice) for one, label in labels.items())
    return PreviewLine(
        source=_source(item, index, is_mrz=is_mrz),
        text=item.text,
        field_label=target_label(item.target) if item.target else "",
        value=", ".join(_shown(item.target, value) for value in item.values),
        present=_shown(item.target, present),
        pair=_pair_text(item),
        is_present=already,
        problem=_problem_text(item, is_mrz=is_mrz),
        is_fault=item.problem not in _NO_FAULT,
        notes=tuple(str(NOTES[note]) for note in item.notes),
        seen_name=seen_name(index),
        seen=fingerprint(item, values),
        field_name="" if is_mrz else field_name(index),
        fields=() if is_mrz else _fields(item, providers),
        use_name=use_name(index) if asks else "",
        is_ticked=asks and is_ticked,
        choice_name=choice_name(index) if choices else "",
        choices=choices,
    )


def _pair_text(item: Item) -> str:
    own = "".join(item.values) if item.is_usable else ""
    if not item.pair or not (own or item.partner):
        return ""
    halves = (own, item.partner) if item.target == IDENTIFIER_PROVIDER else (item.partner, own)
    provider, id_ = (half or "–" for half in halves)
    text = str(_("Identifier %(number)s: provider %(provider)s, ID %(id)s"))
    return text % {"number": item.pair, "provider": provider, "id": id_}


def _fields(item: Item, providers: tuple[str, ...]) -> tuple[Option, ...]:
    targets = (*TARGETS, *(f"{PROVIDER_PREFIX}{name}" for name in providers))
    nowhere = Option("", str(_("Leave out")), not item.target)
    return (nowhere, *(Option(one, target_label(one), one == item.target) for one in targets))


def _shown(target: str, value: str) -> str:
    """A value as the form shows it: the label of a gender, the name of a country."""
    if target == "gender" and value:
        return str(dict(value_lists.GENDERS).get(value, value))
    return value_lists.country_name(value) if target == "country" and value else value
