"""A saved view with its count, on the start page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext

from apps.history.models import SavedView
from apps.history.presenters.list import ViewLink


@dataclass(frozen=True, slots=True)
class WatchedView:
    """A view and how many submissions it has. ``warning``: above which number; empty if it is not above."""

    link: ViewLink
    count: str
    warning: str


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
