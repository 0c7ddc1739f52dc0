"""A saved view with its count, on the start page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from apps.history.models import SavedView
from apps.history.presenters.list import ViewLink


@dataclass(frozen=True, slots=True)
class WatchedView:
    """A view and how many submissions it has. ``warning``: above which number; empty if it is not above."""

    link: ViewLink
    count: str
    warning: str


@dataclass(frozen=True, slots=True)
class WatchedViews:
    """The saved views of the start page. ``left_out``: text about further ones; empty if there are none."""

    lines: Sequence[WatchedView]
    left_out: str


def left_out_text(number: int) -> str:
    """What the start page says about this number of views that it does not count."""
    text = ngettext(
        "%(number)s further view with a warning is not counted",
        "%(number)s further views with a warning are not counted",
        number,
    )
    return str(text) % {"number": number} if number else ""


def watched_view(view: SavedView, path: str, count: int | None) -> WatchedView:
    """The line of a view. ``count``: at most ``MOST_WARNED`` + 1; None if it was not counted."""
    link = ViewLink.of(view, path)
    if count is None:
        return WatchedView(link, gettext("not counted"), "")
    limit = view.warn_above or 0
    most = SavedView.MOST_WARNED
    text = (
        gettext("more than %(number)s") % {"number": number_format(most, force_grouping=True)}
        if count > most
        else number_format(count, force_grouping=True)
    )
    is_above = view.warn_above is not None and count > limit
    warning = gettext("Above %(number)s") % {"number": number_format(limit, force_grouping=True)}
    return WatchedView(link, str(text), str(warning) if is_above else "")
