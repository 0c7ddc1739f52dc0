"""Where an act leads back to: the page of the batch, with the filter and the position that the reader had."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.batches.models import Batch, RowState
from apps.batches.presenters.batch import ALL
from apps.batches.presenters.naming import batch_url
from apps.core import keyset
from apps.core.forms.input import single_value
from apps.core.web.filters import UnreadableAddress, page_url, read_position, with_query
from apps.core.web.redirects import HttpResponseSeeOther

BY = ("number",)
"""The key of the rows of a batch, for ``core.keyset``."""
AT_ROWS = "rows"
"""The tag of a message that the page of the batch shows at its rows, where it opens."""


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """``show``: the filter of the rows that was chosen, or empty. ``position``: None on the first page.

    The page of a batch has it in its own address, and each form posts it in hidden fields.
    """

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
        """The address as a text. ``at_rows``: the page opens at its rows."""
        return f"{batch_url(batch)}{self.query}{'#rows' if at_rows else ''}"

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each hidden field that a form needs to lead back to this address."""
        position = str(self.position).split("=") if self.position else []
        return (*self.values.items(), *([(position[0], position[1])] if position else []))


def return_address_of(request: HttpRequest) -> ReturnAddress:
    """The return address of the forms of a page, or of the form that was posted.

    Raises :class:`UnreadableAddress`, and ``UnreadableKey``.
    """
    values = request.POST if request.method == "POST" else request.GET
    show = single_value(values, "show")
    if show and show != ALL and show not in RowState.values:
        raise UnreadableAddress
    return ReturnAddress(show, read_position(values, BY))


def back_to_batch(request: HttpRequest, batch: Batch, *, at_rows: bool = False) -> HttpResponse:
    """Redirect to the return address of the posted form. ``at_rows``: the page opens at its rows."""
    return HttpResponseSeeOther(return_address_of(request).url(batch, at_rows=at_rows))


def answer_stale(request: HttpRequest, batch: Batch, *, at_rows: bool = False) -> HttpResponse:
    """Redirect like :func:`back_to_batch`, with a message that the page was old and nothing was done."""
    warn_stale(request, at_rows=at_rows)
    return back_to_batch(request, batch, at_rows=at_rows)


def warn_stale(request: HttpRequest, *, at_rows: bool = False) -> None:
    """Add the message that the page was old and nothing was done."""
    text = _("The list had changed meanwhile. Nothing was done: check it below.")
    messages.warning(request, text, extra_tags=AT_ROWS if at_rows else "")
