"""What a pasted text proposes: the field of each value, what has to be compared, what no field takes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from django.utils.formats import date_format

from apps.consumers.paste.cells import FATHER, SHOWN_DATE, Note, Problem, Reading, read_cell, title_of
from apps.consumers.paste.columns import (
    IDENTIFIER_ID,
    IDENTIFIER_PROVIDER,
    PROVIDER_PREFIX,
    REPEATABLE_TARGETS,
)
from apps.consumers.paste.header_words import GENDERS_WITH_OTHER_LETTERS, TITLES_WITH_OTHER_FR
from apps.consumers.paste.mrz import DatePart, Mrz, Part, PartFault
from apps.consumers.paste.mrz_lines import Format
from apps.consumers.paste.nationalities import demonyms_of_code
from apps.consumers.paste.rows import Row, header_key, names_month_first

_OTHER_HALF = {IDENTIFIER_PROVIDER: IDENTIFIER_ID, IDENTIFIER_ID: IDENTIFIER_PROVIDER}
_UNCERTAIN = frozenset({Note.COMPOSITE, Note.NOT_A_PASSPORT})
# Pairs of characters that look alike and have the same value modulo 10, so that no check digit of Doc 9303
# distinguishes them: G is 16 and 6 is 6, L is 21 and 1 is 1, K is 20 and a filler is 0.
_LOOKALIKES = re.compile("[G6L1K]")
_SEXES = {"M": "male", "F": "female"}
_PROBLEMS = {
    PartFault.CHECK_DIGIT: Problem.CHECK_DIGIT,
    PartFault.CHARACTERS: Problem.CHARACTERS,
    PartFault.PARTLY_UNKNOWN: Problem.PARTLY_UNKNOWN,
    PartFault.NOT_A_DATE: Problem.NOT_A_DATE,
}


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """One part of the pasted text.

    ``source``: the part of an MRZ as a code, such as ``number``, or the header of a column. ``target``: the
    field, or one of :data:`apps.consumers.paste.columns.TARGETS`; empty if there is none. ``pair``: for half
    an identifier, its number among the columns of its kind, from 1; otherwise 0. ``partner``: the value
    of the other half, empty if that has none.
    """

    source: str
    text: str
    target: str = ""
    values: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    problem: Problem | None = None
    pair: int = 0
    partner: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether it has a field and a value for it, or several to choose from."""
        return bool(self.target and self.problem is None and (self.values or self.choices))

    @property
    def is_uncertain(self) -> bool:
        """Whether the value is used only if the person says so."""
        return bool(self.choices) or not _UNCERTAIN.isdisjoint(self.notes)

    @property
    def is_list(self) -> bool:
        """Whether the values are added to a list of the form, and replace nothing."""
        return (
            self.target in REPEATABLE_TARGETS
            or self.target in _OTHER_HALF
            or self.target.startswith(PROVIDER_PREFIX)
        )


@dataclass(frozen=True, slots=True, repr=False)
class Proposal:
    """All items of a pasted text, in its order. ``mrz_format`` is None for a row."""

    items: tuple[Item, ...]
    mrz_format: Format | None = None
    composite: bool | None = None
    has_headers: bool = False


def propose_mrz(mrz: Mrz) -> Proposal:
    """The proposal of an MRZ. A value whose check digit is wrong has no target."""
    names = (Note.NAME, Note.NAME_MAY_BE_CUT) if mrz.names_fill_their_field else (Note.NAME,)
    items = [
        _number_item(mrz),
        _plain_item("last_name", mrz.last_name, "last_name", names),
        _plain_item("first_name", mrz.first_name, "first_name", names),
        _nationality_item(mrz.nationality),
        _birth_item(mrz.date_of_birth),
        _sex_item(mrz.sex),
        Item("document", f"{mrz.format.value}, {mrz.document_code}", problem=Problem.NO_FIELD),
        # Vendor: "The guest's country", which is not the state that issued the document.
        Item("issuer", mrz.issuer.text, problem=Problem.NOT_RESIDENCE),
        _expiry_item(mrz.expiry),
        *(_optional_item(part) for part in mrz.optional),
    ]
    return Proposal(tuple(item for item in items if item.text or item.problem), mrz.format, mrz.composite)


def propose_row(row: Row, targets: tuple[str, ...]) -> Proposal:
    """The proposal of a row whose columns go to these targets; a shorter list leaves columns without one."""
    padded = targets[: len(row.cells)] + ("",) * (len(row.cells) - len(targets))
    headers = row.headers or ("",) * len(row.cells)
    taken: set[str] = set()
    items = []
    for header, cell, target in zip(headers, row.cells, padded, strict=True):
        item = _cell_item(header, cell, target)
        if item.is_usable and not item.is_list:
            if target in taken:
                item = replace(item, values=(), choices=(), notes=(), problem=Problem.COLUMN_REPEATED)
            taken.add(target)
        items.append(item)
    return Proposal(_in_pairs(items), has_headers=row.headers is not None)


def _in_pairs(items: list[Item]) -> tuple[Item, ...]:
    """The items with the halves of identifiers paired: each provider column with the ID column of its number.

    Blank and faulty columns count, so that a missing half never moves another one to its position.
    """
    columns = {target: [item for item in items if item.target == target] for target in _OTHER_HALF}
    counts: Counter[str] = Counter()
    paired = []
    for item in items:
        if item.target not in _OTHER_HALF:
            paired.append(item)
            continue
        counts[item.target] += 1
        number = counts[item.target]
        partner = columns[_OTHER_HALF[item.target]][number - 1 : number]
        value = "".join(partner[0].values) if partner and partner[0].is_usable else ""
        paired.append(replace(item, pair=number, partner=value))
    return tuple(paired)


def _cell_item(header: str, cell: str, target: str) -> Item:
    text = cell.strip()
    if not text:
        return Item(header, "", target)
    if not target:
        return Item(header, text, problem=Problem.NO_FIELD)
    if target == "gender" and text.casefold() == GENDERS_WITH_OTHER_LETTERS.get(header_key(header)):
        return Item(header, text, target, problem=Problem.NOT_A_GENDER)
    if target == "title" and title_of(text) == FATHER and header_key(header) in TITLES_WITH_OTHER_FR:
        return Item(header, text, target, problem=Problem.NOT_A_TITLE)
    reading: Reading = read_cell(text, target, month_first=names_month_first(header))
    return Item(header, text, target, reading.values, reading.choices, reading.notes, reading.problem)


def _plain_item(source: str, part: Part, target: str, notes: tuple[Note, ...]) -> Item:
    if part.fault or not part.text:
        problem = _PROBLEMS[part.fault] if part.fault else Problem.NOT_SPECIFIED
        return Item(source, part.text, problem=problem)
    return Item(source, part.text, target, (part.text,), notes=notes)


def _covered(part: Part | DatePart) -> tuple[Note, ...]:
    return (Note.COMPOSITE,) if part.fault is PartFault.COMPOSITE else ()


def _number_item(mrz: Mrz) -> Item:
    part = mrz.number
    if part.fault and part.fault is not PartFault.COMPOSITE:
        return Item("number", part.text, problem=_PROBLEMS[part.fault])
    if mrz.format in (Format.MRV_A, Format.MRV_B):
        # Doc 9303-7: the number of the passport or of the visa, as the issuer prefers.
        return Item("number", part.text, problem=Problem.VISA_NUMBER)
    notes = [*_covered(part)]
    notes += [Note.NOT_A_PASSPORT] if not mrz.is_passport else []
    notes += [Note.LOOKALIKES] if _LOOKALIKES.search(part.text) else []
    notes += [Note.FILLER_INSIDE] if " " in part.text else []
    return Item("number", part.text, "passport_number", (part.text,), notes=tuple(notes))


def _nationality_item(part: Part) -> Item:
    if part.fault or not part.text:
        return Item("nationality", part.text, problem=Problem.CHARACTERS)
    found = demonyms_of_code(part.text)
    if not found:
        return Item("nationality", part.text, problem=Problem.NO_DEMONYM)
    values, choices = (found, ()) if len(found) == 1 else ((), found)
    return Item("nationality", part.text, "nationality", values, choices, (Note.NO_CHECK_DIGIT,))


def _sex_item(part: Part) -> Item:
    if part.fault:
        return Item("sex", part.text, problem=Problem.CHARACTERS)
    if not part.text:
        return Item("sex", "", problem=Problem.NOT_SPECIFIED)
    return Item("sex", part.text, "gender", (_SEXES[part.text],), notes=(Note.NO_CHECK_DIGIT,))


def _birth_item(part: DatePart) -> Item:
    if part.date is None:
        return Item("date_of_birth", part.text, problem=_PROBLEMS[part.fault or PartFault.NOT_A_DATE])
    century = (Note.CENTURY,) if part.other_century else ()
    shown = date_format(part.date, SHOWN_DATE)
    return Item("date_of_birth", part.text, "date_of_birth", (shown,), notes=(*_covered(part), *century))


def _expiry_item(part: DatePart) -> Item:
    if part.date is None:
        return Item("expiry", part.text, problem=_PROBLEMS[part.fault or PartFault.NOT_A_DATE])
    return Item("expiry", date_format(part.date, SHOWN_DATE), problem=Problem.NO_FIELD)


def _optional_item(part: Part) -> Item:
    wrong = part.fault is PartFault.CHECK_DIGIT
    return Item("optional", part.text, problem=Problem.CHECK_DIGIT if wrong else Problem.NO_FIELD)
