"""The figures of each person, as a table that can be sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext_lazy

from apps.consumers.models import Outcome
from apps.history.figures.results import Person
from apps.history.presenters.figures import Address, Number, bar_length, number_link
from apps.history.presenters.figures_headline import answered_url, share_text, time_text
from apps.history.selection import SubmissionFilter

SORT: Final = "people_sort"
"""The parameter of the address: the key of a column, after ``-`` from the largest down."""
LARGEST_FIRST: Final = "-"
DEFAULT: Final = "-total"
COLUMNS: Final = {
    "name": gettext_lazy("Person"),
    "total": gettext_lazy("Submissions"),
    "share": gettext_lazy("Share of all"),
    "created": gettext_lazy("Created"),
    "created_share": gettext_lazy("Share created"),
    "median": gettext_lazy("Median time"),
}
_SLOWEST: Final = float("inf")
_VALUES: Final[dict[str, Callable[[Person], Any]]] = {
    "name": lambda person: person.name.casefold(),
    "total": lambda person: person.total,
    "share": lambda person: person.total,
    "created": lambda person: person.created,
    "created_share": lambda person: person.created / person.total if person.total else 0,
    "median": lambda person: _SLOWEST if person.median_ms is None else person.median_ms,
}


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column. ``url`` sorts by it. ``direction``: for ``aria-sort``, if sorted by it."""

    label: str
    url: str
    direction: str = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person. ``length``: of the bar; ``full``: of its created part."""

    name: str
    length: str
    full: str
    number: Number
    share: str
    created: Number
    created_share: str
    median: Number


@dataclass(frozen=True, slots=True)
class PeopleTable:
    """Everybody with a submission in the selection and, without a filter by person, all who may submit."""

    columns: tuple[Column, ...]
    lines: tuple[PersonLine, ...]


def people_table(
    people: Sequence[Person], asked: SubmissionFilter, address: Address, page: Address, *, sort: str
) -> PeopleTable:
    """The table. ``page``: the address of the figures; ``sort``: :data:`SORT`, or anything else."""
    key = sort.removeprefix(LARGEST_FIRST)
    if key not in COLUMNS:
        sort, key = DEFAULT, DEFAULT.removeprefix(LARGEST_FIRST)
    is_down = sort.startswith(LARGEST_FIRST)
    largest = max((person.total for person in people), default=1)
    everything = sum(person.total for person in people)
    return PeopleTable(
        columns=tuple(_column(one, key, page, is_down=is_down) for one in COLUMNS),
        lines=tuple(
            _line(person, largest, everything, asked, address)
            for person in sorted_people(people, key, is_down=is_down)
        ),
    )


def sorted_people(people: Sequence[Person], key: str, *, is_down: bool) -> list[Person]:
    """The people by a column; equal ones stay in their order. A person without the number comes last."""
    ranked = sorted(people, key=_VALUES[key], reverse=is_down)
    without: Callable[[Person], bool] = {
        "median": lambda person: not person.answered,
        "created_share": lambda person: not person.total,
    }.get(key, lambda person: False)
    return sorted(ranked, key=without)


def _column(one: str, sorted_by: str, page: Address, *, is_down: bool) -> Column:
    is_this = one == sorted_by
    # Numbers are sorted from the largest down first, names from A.
    turned = not is_down if is_this else one != "name"
    value = f"{LARGEST_FIRST}{one}" if turned else one
    direction = ("descending" if is_down else "ascending") if is_this else ""
    return Column(str(COLUMNS[one]), f"{page(**{SORT: value})}#people", direction, one != "name")


def _line(
    person: Person, largest: int, everything: int, asked: SubmissionFilter, address: Address
) -> PersonLine:
    def of_person(**changed: str) -> str:
        return address(**{"person": person.id, **changed})

    number = Number(time_text(person, person.median_ms), answered_url(asked, of_person))
    return PersonLine(
        name=person.name,
        length=bar_length(person.total, largest),
        full=bar_length(person.created, largest),
        number=number_link(person.total, of_person()),
        share=share_text(person.total, everything),
        created=number_link(person.created, of_person(outcome=Outcome.CREATED.value)),
        created_share=share_text(person.created, person.total),
        median=number if person.answered else replace(number, url=""),
    )
