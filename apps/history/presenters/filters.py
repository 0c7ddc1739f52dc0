"""The chips that show the filters in effect, on every page of the history."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from apps.consumers import labels, selectors
from apps.consumers.models import Outcome
from apps.consumers.searches import Search
from apps.consumers.viewer import Viewer
from apps.core.web.filters import Chip, with_query
from apps.history.selection import ATTENTION_LABELS, Attention, Period, SubmissionFilter

DAY = "j F Y"
LATENCY = ("answered_from", "answered_under")


class Filters(Protocol):
    """The valid filter form of the history."""

    cleaned_data: dict[str, Any]
    fields: dict[str, forms.Field]
    viewer: Viewer

    @property
    def has_default_period(self) -> bool:
        """Whether the default period applies, because no filter sets another."""

    def asked(self) -> SubmissionFilter:
        """The filters as a value."""


def filtered_url(path: str, values: Mapping[str, Any], **changed: str | Sequence[str]) -> str:
    """As :func:`with_query`, but without any filter it names the period that applies without one.

    Without parameters the list opens the reader's default view instead.
    """
    address = with_query(path, values, **changed)
    return with_query(path, {}, period=Period.LAST_DAYS.value) if address == path else address


def chips(path: str, values: Mapping[str, Any], form: Filters) -> list[Chip]:
    """The filters in effect, each with the page's address without that filter. ``form`` must be valid.

    ``path``: the page's address without its query. ``values``: that query.
    """
    return list(_chips(path, values, form))


def in_words(form: Filters) -> list[tuple[str, str]]:
    """The filters in effect as label and text, to be stored with an export. ``form`` must be valid.

    The texts contain no value of a consumer: of a search there are only the kinds. A relative period has its
    days.
    """
    searched = form.cleaned_data["search"]
    of_search = _kinds(searched) if searched else None
    hidden, asked = gettext("matches a search, whose values are not shown"), form.asked()
    return [
        (chip.label, hidden if chip.label == of_search else chip.value or _days(asked))
        for chip in chips("", {}, form)
    ]


def _days(asked: SubmissionFilter) -> str:
    """The days of a period, both included; empty without a period."""
    if asked.since is None:
        return ""
    first = date_format(timezone.localtime(asked.since), DAY)
    if asked.until is None:
        return gettext("from %(first)s") % {"first": first}
    last = date_format(timezone.localtime(asked.until) - dt.timedelta(days=1), DAY)
    return gettext("%(first)s to %(last)s") % {"first": first, "last": last}


def _kinds(search: Search) -> str:
    return ", ".join(str(kind.label) for kind in search.kinds)


def _chips(path: str, values: Mapping[str, Any], form: Filters) -> Iterator[Chip]:
    given = form.cleaned_data
    if form.has_default_period:
        yield Chip(gettext("Last 30 days"), "", filtered_url(path, values, period=Period.ALL.value))
    elif given["period"] not in ("", Period.ALL):
        # Without a period the last 30 days would apply.
        yield Chip(
            str(Period(given["period"]).label), "", filtered_url(path, values, period=Period.ALL.value)
        )
    people = dict(getattr(form.fields.get("person"), "choices", []))
    for outcome in given["outcome"]:
        others = [one for one in given["outcome"] if one != outcome]
        without = filtered_url(path, values, outcome=others)
        yield Chip(str(form.fields["outcome"].label), str(Outcome(outcome).label), without)
    formats: dict[str, Callable[[Any], object]] = {
        "since": lambda day: date_format(day, DAY),
        "until": lambda day: date_format(day, DAY),
        "attention": lambda code: ATTENTION_LABELS[Attention(code)],
        "person": lambda person: people.get(person, person),
        "order": str,
        "consumer": str,
        "guest": str,
        "batch": lambda batch: name_of_batch(batch, form.viewer),
    }
    for name, format_value in formats.items():
        if value := given.get(name):
            label = str(form.fields[name].label)
            yield Chip(label, str(format_value(value)), filtered_url(path, values, **{name: ""}))
    if given["reason"]:
        reason = labels.error_text(given["reason"])
        yield Chip(gettext("Reason"), reason, filtered_url(path, values, reason=""))
    if any(given[name] is not None for name in LATENCY):
        without = filtered_url(path, values, **dict.fromkeys(LATENCY, ""))
        yield Chip(gettext("Time to answer"), _between(*(given[name] for name in LATENCY)), without)
    if given["search"]:
        yield Chip(
            _kinds(given["search"]), gettext("matches your search"), filtered_url(path, values, search="")
        )


def name_of_batch(batch: uuid.UUID, viewer: Viewer) -> str:
    """The name of a list of people: the day and the order of its first submission that the viewer may see.

    Without one, the first characters of its id.
    """
    made = selectors.visible_submissions(viewer).filter(batch=batch)
    first = made.order_by("submitted_at", "id").values("submitted_at", "order_number", "order_ref").first()
    if first is None:
        return str(batch)[:8]
    day = date_format(timezone.localtime(first["submitted_at"]), DAY)
    return gettext("%(day)s, order %(order)s") % {
        "day": day,
        "order": first["order_number"] or first["order_ref"],
    }


def _between(least: int | None, under: int | None) -> str:
    """The text of a range of milliseconds."""
    numbers = {"least": least, "under": under}
    if under is None:
        return gettext("%(least)s ms or more") % numbers
    if least is None:
        return gettext("under %(under)s ms") % numbers
    return gettext("%(least)s ms to under %(under)s ms") % numbers
