"""Propose the field of each column of a table, and say what a person has to be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from apps.batches.columns.date_orders import ORDERS, ColumnOrder, order_of
from apps.batches.columns.headers import (
    are_likely_headers,
    goes_on_below,
    header_index,
    may_be_headers,
    unmistakable_target,
)
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.reading.table import Table, TableRow
from apps.consumers.paste.columns import (
    IDENTIFIER_ID,
    IDENTIFIER_PROVIDER,
    PROVIDER_PREFIX,
    REPEATABLE_TARGETS,
    is_target,
    targets_of_headers,
)

EXAMPLES: Final = 3
_DATE: Final = "date_of_birth"
_ALSO_OF_OTHERS: Final = REPEATABLE_TARGETS | {_DATE, "nationality", "country"}
"""Fields whose values an agent or a passport has as well: a phone number, the date and country of issue."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The field of each column as it was chosen, proposed or remembered.

    ``targets``: for each column one of :data:`apps.consumers.paste.columns.TARGETS`, or ``identifier:`` and
    a provider; empty for a column that is not sent. ``date_order``: ``day-month`` or ``month-day``; empty if
    no date needs it. ``undecided``: of a remembered choice, the columns that nobody has decided to leave out:
    they are not sent because they were blank.
    """

    has_headers: bool
    targets: tuple[str, ...]
    date_order: str = ""
    undecided: frozenset[int] = frozenset()


class QuestionCode(StrEnum):
    """What a person is asked."""

    HEADERS = "headers"  # whether the first row has the headers
    FIELD = "field"  # the field of a column that is not recognised for certain
    REPEATED = "repeated"  # the field of a column; another column already goes to the one that it names
    DATE_ORDER = "date_order"  # no date decides
    DATES_CONTRADICT = "dates_contradict"  # some dates are day-month, others month-day


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One question. ``column``: the index of the column; None for the headers.

    ``examples``: up to three different values. ``rows``: for dates, the numbers of the rows that show why it
    is asked: the ambiguous ones, those of the rarer order, or those that contradict the answer.
    """

    code: QuestionCode
    column: int | None = None
    examples: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Proposal:
    """What the portal proposes for a table without the columns of a result file.

    ``has_headers``: if that is asked, what is likely. ``headers``: empty without a row of headers.
    ``examples``: for each column up to three different values.
    ``date_order``: what the texts decide, or what the person chose for equal headers, which is asked again
    as long as the texts decide nothing.
    """

    has_headers: bool
    headers: tuple[str, ...]
    targets: tuple[str, ...]
    date_order: str
    questions: tuple[Question, ...]
    examples: tuple[tuple[str, ...], ...] = ()

    @property
    def choice(self) -> Choice:
        """The proposal as a choice. It may be stored without asking only if there are no questions."""
        return Choice(self.has_headers, self.targets, self.date_order)

    def asks_for(self, column: int) -> bool:
        """Whether the field of this column has to be asked."""
        codes = (QuestionCode.FIELD, QuestionCode.REPEATED)
        return any(question.column == column and question.code in codes for question in self.questions)


@dataclass(frozen=True, slots=True, repr=False)
class SplitTable:
    """A table as headers and people. ``header_row``: the number of the row of headers in the file."""

    headers: tuple[str, ...]
    header_row: int | None
    rows: tuple[TableRow, ...]
    rows_above: int = 0  # between the beginning of the file and the headers; they are not people


def split(table: Table, *, has_headers: bool) -> SplitTable:
    """The headers and the people of a table that :func:`without_own_columns` returned.

    With headers they are the row that is recognised, otherwise the first one; and the row below it if that
    has the rest of them.
    """
    if not has_headers or not table.rows:
        return SplitTable((), None, table.rows)
    index = header_index(table) or 0
    headers = tuple(cell.strip() for cell in table.rows[index].cells)
    first = index + 1
    if goes_on_below(table, index):
        below = (cell.strip() for cell in table.rows[first].cells)
        headers = tuple(other or header for header, other in zip(headers, below, strict=True))
        first += 1
    return SplitTable(headers, table.rows[index].number, table.rows[first:], index)


def propose(
    table: Table,
    *,
    providers: tuple[str, ...],
    remembered: Callable[[tuple[str, ...]], Choice | None],
    has_headers: bool | None = None,
) -> Proposal:
    """Propose a choice for the table. The columns of a result file are not part of it.

    ``providers``: the identifier providers on offer. ``remembered``: what the person chose for equal headers.
    ``has_headers``: as the person has said; otherwise it is recognised, or asked.
    """
    table = without_own_columns(table)
    questions: list[Question] = []
    earlier = None
    if has_headers is None:
        has_headers = header_index(table) is not None
        if not has_headers and may_be_headers(table):
            earlier = _earlier(split(table, has_headers=True), remembered, providers)
            has_headers = earlier is not None or are_likely_headers(table, providers)
            if earlier is None:
                questions.append(Question(QuestionCode.HEADERS, examples=_different(table.rows[0].cells)))
    parts = split(table, has_headers=has_headers)
    columns = [tuple(row.cells[at] for row in parts.rows) for at in range(table.width)]
    earlier = earlier or _earlier(parts, remembered, providers)
    targets, asked = _proposed_targets(parts.headers, columns, providers, earlier)
    questions += asked
    date_order, about_dates = _date_order(parts.rows, targets, earlier)
    return Proposal(
        has_headers=has_headers,
        headers=parts.headers,
        targets=targets,
        date_order=date_order,
        questions=(*questions, *about_dates),
        examples=tuple(map(_different, columns)),
    )


def _earlier(
    parts: SplitTable,
    remembered: Callable[[tuple[str, ...]], Choice | None],
    providers: tuple[str, ...],
) -> Choice | None:
    """What the person chose for equal headers, if it can be used: a provider may have been removed since."""
    earlier = remembered(parts.headers) if parts.headers else None
    usable = earlier is not None and _is_usable(earlier, len(parts.headers), providers)
    return earlier if usable else None


def open_questions(table: Table, choice: Choice, *, providers: tuple[str, ...]) -> tuple[Question, ...]:
    """What a choice of a person leaves open: fields that two columns go to, and the order of dates.

    Empty if the choice can be stored. Raises ``ValueError`` for a choice that does not fit the table.
    """
    table = without_own_columns(table)
    if not _is_usable(choice, table.width, providers):
        raise ValueError("a choice for another table")
    parts = split(table, has_headers=choice.has_headers)
    columns = [tuple(row.cells[at] for row in parts.rows) for at in range(table.width)]
    seen: set[str] = set()
    questions = []
    for at, target in enumerate(choice.targets):
        if target in seen and not _may_repeat(target):
            questions.append(Question(QuestionCode.REPEATED, at, _different(columns[at])))
        seen.add(target)
    return (*questions, *_open_date_questions(parts.rows, choice))


def _open_date_questions(rows: tuple[TableRow, ...], choice: Choice) -> list[Question]:
    """The question about a column of dates that the choice does not answer, or answers against its dates."""
    questions = []
    for at, target in enumerate(choice.targets):
        if target == _DATE:
            found = order_of((row.number, row.cells[at]) for row in rows)
            is_answered = choice.date_order in ORDERS and found.order in ("", choice.date_order)
            if not is_answered and (found.has_to_be_asked or choice.date_order):
                questions.append(_date_question(found, at, rows))
    return questions


def _is_usable(choice: Choice, width: int, providers: tuple[str, ...]) -> bool:
    known = all(not target or is_target(target, providers) for target in choice.targets)
    return known and len(choice.targets) == width and choice.date_order in ("", *ORDERS)


def _may_repeat(target: str) -> bool:
    """Whether several columns may go to this target."""
    several = target in REPEATABLE_TARGETS or target in (IDENTIFIER_PROVIDER, IDENTIFIER_ID)
    return not target or several or target.startswith(PROVIDER_PREFIX)


def _proposed_targets(
    headers: tuple[str, ...],
    columns: Sequence[tuple[str, ...]],
    providers: tuple[str, ...],
    earlier: Choice | None,
) -> tuple[tuple[str, ...], list[Question]]:
    """The target of each column by its header, then by its content, and the questions about the others.

    Those of ``earlier`` stay as they are, except for columns that nobody has decided about.
    """
    targets = list(targets_of_headers(headers, providers) if headers else ("",) * len(columns))
    decided: frozenset[int] = frozenset()
    if earlier is not None:
        decided = frozenset(range(len(columns))) - earlier.undecided
        targets = [earlier.targets[at] if at in decided else target for at, target in enumerate(targets)]
    kinds = tuple(
        "" if target or at in decided else unmistakable_target(cells)
        for at, (target, cells) in enumerate(zip(targets, columns, strict=True))
    )
    questions = []
    for at, cells in enumerate(columns):
        if at in decided:
            continue
        examples = _different(cells)
        others = [*targets[:at], *(targets[other] for other in decided if other > at)]
        if targets[at] and targets[at] in others and not _may_repeat(targets[at]):
            targets[at] = ""
            if examples:
                questions.append(Question(QuestionCode.REPEATED, at, examples))
        elif not targets[at] and examples:
            # Below a header that is not known, the values may be those of somebody or something else.
            says_another = at < len(headers) and bool(headers[at].strip())
            if not (says_another and kinds[at] in _ALSO_OF_OTHERS):
                targets[at] = _by_content(kinds[at], targets, kinds)
            if not targets[at]:
                questions.append(Question(QuestionCode.FIELD, at, examples))
    return tuple(targets), questions


def _by_content(kind: str, targets: Sequence[str], kinds: Sequence[str]) -> str:
    """The field of a column of this kind, unless another column goes to it or is of the same kind.

    ``kinds``: the field that the cells of each column without a known header belong to unmistakably. Two
    columns of dates may be the birth and the end of the passport.
    """
    if _may_repeat(kind):
        return kind
    return kind if kind not in targets and kinds.count(kind) == 1 else ""


def _date_order(
    rows: tuple[TableRow, ...], targets: tuple[str, ...], earlier: Choice | None
) -> tuple[str, list[Question]]:
    """The order that the dates decide, and the question if they do not."""
    order, questions = "", []
    for at, target in enumerate(targets):
        if target != _DATE:
            continue
        found = order_of((row.number, row.cells[at]) for row in rows)
        order = found.order
        if found.has_to_be_asked:
            order = earlier.date_order if earlier else ""
            questions.append(_date_question(found, at, rows))
    return order, questions


def _date_question(found: ColumnOrder, at: int, rows: tuple[TableRow, ...]) -> Question:
    if found.is_contradictory:
        code, numbers = (
            QuestionCode.DATES_CONTRADICT,
            min(found.day_month, found.month_day, key=len),
        )
    else:
        code, numbers = QuestionCode.DATE_ORDER, found.day_month or found.month_day or found.ambiguous
    shown = frozenset(numbers)
    return Question(code, at, _different(row.cells[at] for row in rows if row.number in shown), numbers)


def _different(cells: Iterable[str]) -> tuple[str, ...]:
    """Up to three different values that are not blank, in the order of the table."""
    filled = dict.fromkeys(cell.strip() for cell in cells)
    filled.pop("", None)
    return tuple(filled)[:EXAMPLES]
