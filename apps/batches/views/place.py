"""Where in a list the reader is: the filter and the position of its rows, which every act leads back to."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.batches.models import Batch, RowState
from apps.batches.presenters.batch import ALL
from apps.batches.presenters.naming import batch_url
from apps.core.forms.input import single_value
from apps.core.web import keyset
from apps.core.web.filters import UnreadableAddress, page_url, with_query
from apps.core.web.redirects import HttpResponseSeeOther

BY = ("number",)
"""The key of a list's rows, for ``core.web.keyset``."""
AT_ROWS = "rows"
"""The tag of a message that the page of the list shows at its rows, where it opens."""


@dataclass(frozen=True, slots=True)
class Place:
    """``show``: the filter of the rows that was chosen, or empty. ``position``: None on the first page."""

    show: str = ""
    position: keyset.Position | None = None

    @property
    def values(self) -> dict[str, str]:
        """The filter, as values of an address."""
        return {"show": self.show} if self.show else {}

    @property
    def query(self) -> str:
        """The part of an address behind the path, empty for the first page without a filter."""
        return page_url("", self.values, self.position) or with_query("", self.values)

    def url(self, batch: Batch, *, at_rows: bool = False) -> str:
        """The address of the list at this place. ``at_rows``: the page opens at its rows."""
        return f"{batch_url(batch)}{self.query}{'#rows' if at_rows else ''}"

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each hidden field of a form that leads back here."""
        position = str(self.position).split("=") if self.position else []
        return (*self.values.items(), *([(position[0], position[1])] if position else []))


def place_of(request: HttpRequest) -> Place:
    """The place of a page, from its address, or of the page whose form was posted.

    Raises :class:`UnreadableAddress`, and ``UnreadableKey``.
    """
    values = request.POST if request.method == "POST" else request.GET
    show = single_value(values, "show")
    if show and show != ALL and show not in RowState.values:
        raise UnreadableAddress
    return Place(show, keyset.read_position(values, BY))


def back_to_list(request: HttpRequest, batch: Batch, *, at_rows: bool = False) -> HttpResponse:
    """Lead to the list after a POST, to the place of the form. ``at_rows``: the page opens at its rows."""
    return HttpResponseSeeOther(place_of(request).url(batch, at_rows=at_rows))


def answer_stale(request: HttpRequest, batch: Batch, *, at_rows: bool = False) -> HttpResponse:
    """Lead back likewise, and say that nothing was done, because the page was not current any more."""
    text = _("The list had changed meanwhile. Nothing was done: check it below.")
    messages.warning(request, text, extra_tags=AT_ROWS if at_rows else "")
    return back_to_list(request, batch, at_rows=at_rows)
