"""The numbers of the figures as tables of typed cells, which all formats share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from django.utils.text import capfirst
from django.utils.translation import gettext

from apps.audit.labels import value_label
from apps.consumers.audit_keys import ERROR_CODE
from apps.history.figures.results import Age, Figures, Headline
from apps.history.presenters.figures import IN_ORDER

Cell = str | int | float | dt.date | None
"""A text, a count, a share (0 to 1) or a time in seconds, a day, or nothing."""


class Type(Enum):
    """The type of a column."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"  # from 0 to 1
    SECONDS = "seconds"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``key``: its name in CSV, permanently."""

    key: str
    label: str
    type: Type


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its rows. ``key``: its name in CSV, permanently."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(figures: Figures, facts: Iterable[tuple[str, str]]) -> tuple[Table, ...]:
    """All tables of the figures. ``facts``: about the file, as labels and texts."""
    return (
        _summary(figures),
        _over_time(figures),
        _people(figures),
        _reasons(figures),
        _answers(figures),
        _unknown(figures),
        _table(
            "about", gettext("About"), [_text("what", gettext("What")), _text("text", gettext("Text"))], facts
        ),
    )


def _summary(figures: Figures) -> Table:
    columns = [
        _text("period", gettext("Period")),
        *_days(),
        _count("submissions", gettext("Submissions")),
        _count("created", gettext("Created")),
        _share("share_created", gettext("Share created")),
        _count("unknown", gettext("Still unknown")),
        _seconds("median_seconds", gettext("Median time to answer (seconds)")),
        _seconds("p95_seconds", gettext("95th percentile (seconds)")),
    ]
    rows = []
    if figures.days:
        rows.append((gettext("Selected"), *figures.days, *_headline(figures.headline)))
    if figures.before:
        days = (figures.before.first, figures.before.last)
        rows.append((gettext("Before"), *days, *_headline(figures.before.headline)))
    return _table("summary", gettext("Summary"), columns, rows)


def _headline(of: Headline) -> tuple[Cell, ...]:
    share = of.created / of.total if of.total else None
    times = (_in_seconds(of.median_ms), _in_seconds(of.p95_ms))
    return (of.total, of.created, share, of.unknown, *times)


def _over_time(figures: Figures) -> Table:
    columns = [
        *_days(),
        _text("state", gettext("State")),
        _count("submissions", gettext("Submissions")),
        *(_count(outcome.value, str(outcome.label)) for outcome in IN_ORDER),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            bar.first,
            bar.last,
            gettext("not over") if figures.is_incomplete(bar) else gettext("over"),
            bar.total,
            *(bar.outcomes[outcome] for outcome in IN_ORDER),
        )
        for bar in figures.bars
    ]
    return _table("over_time", gettext("Over time"), columns, rows)


def _people(figures: Figures) -> Table:
    columns = [
        _text("person", gettext("Person")),
        _count("submissions", gettext("Submissions")),
        _share("share_of_all", gettext("Share of all")),
        _count("created", gettext("Created")),
        _share("share_created", gettext("Share created")),
        _count("answered", gettext("With a time to answer")),
        _seconds("median_seconds", gettext("Median time to answer (seconds)")),
    ]
    everything = sum(person.total for person in figures.people)
    rows = [
        (
            person.name,
            person.total,
            # Without any row, if they left the filter between the statements that count them.
            person.total / everything if everything else None,
            person.created,
            person.created / person.total if person.total else None,
            person.answered,
            _in_seconds(person.median_ms),
        )
        for person in figures.people
    ]
    return _table("people", gettext("Per person"), columns, rows)


def _reasons(figures: Figures) -> Table:
    columns = [
        _text("reason", gettext("Reason")),
        _text("outcome", gettext("Outcome")),
        _count("submissions", gettext("Submissions")),
    ]
    rows = [
        (capfirst(value_label(ERROR_CODE, one.code)), str(one.outcome.label), one.count)
        for one in figures.reasons
    ]
    return _table("reasons", gettext("Reasons"), columns, rows)


def _answers(figures: Figures) -> Table:
    columns = [
        _seconds("from_seconds", gettext("From (seconds, included)")),
        _seconds("to_seconds", gettext("To (seconds, not included)")),
        _count("submissions", gettext("Submissions")),
    ]
    spans = figures.answers.spans
    rows = [(_in_seconds(one.least), _in_seconds(one.under), one.count) for one in spans]
    return _table("times", gettext("Time to answer"), columns, rows)


def _unknown(figures: Figures) -> Table:
    columns = [*_days(), _count("submissions", gettext("Submissions"))]
    rows = [_age_row(age) for age in figures.open.ages]
    return _table("unknown", gettext("Unknown now"), columns, rows)


def _age_row(age: Age) -> tuple[Cell, ...]:
    return age.first, age.last, age.count


def _table(key: str, title: str, columns: Iterable[Column], rows: Iterable[Sequence[Cell]]) -> Table:
    return Table(key, title, tuple(columns), tuple(map(tuple, rows)))


def _text(key: str, label: str) -> Column:
    return Column(key, label, Type.TEXT)


def _count(key: str, label: str) -> Column:
    return Column(key, label, Type.COUNT)


def _share(key: str, label: str) -> Column:
    return Column(key, label, Type.SHARE)


def _seconds(key: str, label: str) -> Column:
    return Column(key, label, Type.SECONDS)


def _days() -> tuple[Column, Column]:
    return Column("first_day", gettext("First day"), Type.DAY), Column(
        "last_day", gettext("Last day"), Type.DAY
    )


def _in_seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1_000
