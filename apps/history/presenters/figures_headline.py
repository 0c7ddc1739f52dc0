"""The headline numbers of the figures, each against the period before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from apps.consumers.models import Outcome
from apps.history.figures.results import Before, Compared, Figures, Headline
from apps.history.presenters.figures import Address, Number, days_text, digits
from apps.history.selection import SubmissionFilter
from apps.history.totals.steps import MAX_DURATION

MINUS = "−"


@dataclass(frozen=True, slots=True)
class Card:
    """One headline number. ``before``: that of the period before; ``change``: the difference."""

    label: str
    number: Number
    before: Number | None = None
    change: str = ""


@dataclass(frozen=True, slots=True)
class HeadlinePage:
    """The headline numbers. ``compared``: which period they are compared with, and why if with none."""

    cards: tuple[Card, ...]
    compared: str
    incomplete: str


def headline_page(figures: Figures, asked: SubmissionFilter, address: Address) -> HeadlinePage:
    """The headline numbers, with the addresses of their rows."""
    before = figures.before
    cards = _cards(figures.headline, asked, address)
    if before is not None:
        days = {"since": before.first.isoformat(), "until": before.last.isoformat(), "period": ""}

        def of_before(**changed: str) -> str:
            return address(**days, **changed)

        earlier = _cards(before.headline, asked, of_before)
        changes = _changes(figures.headline, before.headline)
        cards = tuple(
            Card(card.label, card.number, was.number, change)
            for card, was, change in zip(cards, earlier, changes, strict=True)
        )
    return HeadlinePage(cards, _compared_text(before, asked), incomplete_text(figures))


def incomplete_text(figures: Figures) -> str:
    """Which day is not over; empty if the selection ends before today."""
    if figures.today is None or figures.days is None or figures.days[1] < figures.today:
        return ""
    return gettext("%(day)s is not over: its numbers are incomplete.") % {
        "day": days_text(figures.today, figures.today)
    }


def _cards(headline: Headline, asked: SubmissionFilter, address: Address) -> tuple[Card, ...]:
    answered = answered_url(asked, address) if headline.answered else ""
    created = address(outcome=Outcome.CREATED.value) if headline.created else ""
    unknown = address(outcome=Outcome.UNKNOWN.value) if headline.unknown else ""
    return (
        Card(gettext("Submissions"), Number(digits(headline.total), address() if headline.total else "")),
        Card(gettext("Share created"), Number(share_text(headline.created, headline.total), created)),
        Card(gettext("Still unknown"), Number(digits(headline.unknown), unknown)),
        Card(gettext("Median time"), Number(time_text(headline, headline.median_ms), answered)),
        Card(gettext("95th percentile"), Number(time_text(headline, headline.p95_ms), answered)),
    )


def answered_url(asked: SubmissionFilter, address: Address) -> str:
    """The address of the rows that have a time to answer."""
    is_filtered = (asked.answered_from, asked.answered_under) != (None, None)
    return address() if is_filtered else address(answered_from="0")


class Answered(Protocol):
    """Anything with a number of answers."""

    @property
    def answered(self) -> int:
        """The submissions with a time to answer."""


def time_text(of: Answered, milliseconds: int | None) -> str:
    """A percentile in seconds; a dash without any answer."""
    if not of.answered:
        return "–"
    if milliseconds is None:
        return gettext("over %(most)s s") % {"most": MAX_DURATION // 1_000}
    return gettext("%(number)s s") % {"number": number_format(milliseconds / 1_000, 2)}


def share_text(part: int, whole: int) -> str:
    """A part in per cent with one decimal; 100.0 is all, and 0.0 none. A dash for a part of nothing."""
    return f"{number_format(_share(part, whole), 1)} %" if whole else "–"


def _share(part: int, whole: int) -> float:
    share = round(100 * part / whole, 1)
    return min(max(share, 0.1), 99.9) if 0 < part < whole else share


def _changes(now: Headline, before: Headline) -> tuple[str, ...]:
    share = ""
    if now.total and before.total:
        points = _share(now.created, now.total) - _share(before.created, before.total)
        share = gettext("%(number)s points") % {"number": _signed(round(points, 1), 1)}
    total = ""
    if before.total:
        change = round(100 * (now.total - before.total) / before.total)
        total = f"{_signed(max(change, -99) if now.total else change, 0)} %"
    return (
        total,
        share,
        _signed(now.unknown - before.unknown, 0),
        _time_change(now.median_ms, before.median_ms),
        _time_change(now.p95_ms, before.p95_ms),
    )


def _time_change(now: int | None, before: int | None) -> str:
    if now is None or before is None:
        return ""
    return gettext("%(number)s s") % {"number": _signed((now - before) / 1_000, 2)}


def _signed(number: float, decimals: int) -> str:
    """The number with its sign, so that the direction does not depend on a colour."""
    sign = "+" if number > 0 else MINUS if number < 0 else "±"
    return f"{sign}{number_format(abs(number), decimals, force_grouping=True)}"


def _compared_text(before: Compared | None, asked: SubmissionFilter) -> str:
    if before is None and asked.since and asked.until and asked.until <= asked.since:
        return gettext("Not compared: no day is both in the period and in the days of the filter.")
    if before is None:
        return gettext("Not compared: these figures have no first day in the past.")
    number = (before.last - before.first + dt.timedelta(days=1)).days
    days = {"days": days_text(before.first, before.last), "number": number}
    if before.how is Before.MONTHS:
        return gettext("Compared with %(days)s, as many months before.") % days
    if before.how is Before.SAME_DAYS:
        return gettext("Compared with %(days)s, the same days of the month before.") % days
    if before.how is Before.WEEKDAYS:
        text = ngettext(
            "Compared with %(days)s, the same weekday of the week before.",
            "Compared with %(days)s, the same weekdays of the week before.",
            number,
        )
        return text % days
    return (
        ngettext(
            "Compared with %(days)s, the day before.",
            "Compared with %(days)s, the %(number)s days directly before.",
            number,
        )
        % days
    )
