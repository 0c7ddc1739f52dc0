"""Read and classify one POST of the form."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import QueryDict

from apps.consumers.forms.entry import Entry
from apps.consumers.forms.fields import order_number_in
from apps.consumers.forms.flat_values import counts_every_row, with_row_added, with_row_removed
from apps.consumers.forms.lists import LISTS
from apps.core.forms.input import conflicting_names
from apps.core.references import UUID_SHAPED

CHOSEN, CHOSEN_FOR, OFFERED = "order_choice", "order_choice_for", "order_choices"
"""The names of the reference chosen for an order number, of that number, and of the references offered."""
MAX_OFFERED = 50  # orders with the same number that are offered again without a look-up
MAY_BE_MORE = "more"
"""After the references offered, if the list of orders may lack some."""


@dataclass(frozen=True, slots=True)
class PostedChoice:
    """The orders that were offered for the number in the field Order. ``chosen``: a reference, or empty.

    ``may_be_more``: other orders may have the number, too.
    """

    number: str
    chosen: str
    offered: tuple[str, ...]
    may_be_more: bool

    @classmethod
    def read(cls, values: Mapping[str, str]) -> PostedChoice | None:
        """None if nothing was offered for the number that is in the field now."""
        number = order_number_in(values.get("order_ref", ""))
        if not number or values.get(CHOSEN_FOR, "") != number:
            return None
        chosen = values.get(CHOSEN, "")
        words = values.get(OFFERED, "").split()
        offered = [ref for ref in words if UUID_SHAPED.fullmatch(ref)]
        return cls(
            number,
            chosen if UUID_SHAPED.fullmatch(chosen) else "",
            tuple(offered[:MAX_OFFERED]),
            may_be_more=MAY_BE_MORE in words or len(offered) > MAX_OFFERED,
        )


def posted_token(values: Mapping[str, str]) -> uuid.UUID | None:
    """The token of the form; None without a valid one."""
    try:
        return uuid.UUID(values.get("token", ""))
    except ValueError:
        return None


class PostedKind(enum.Enum):
    """The kind of a posted entry: the first in this order that applies."""

    ROWS_CHANGED = "rows_changed"
    """Add or Remove was pressed without JavaScript."""
    ORDER_TO_CHECK = "order_to_check"
    """Check order was pressed: the order is to be shown, and nothing is sent."""
    INCOMPLETE = "incomplete"
    """A part of the form is missing: the count of a list, or the token."""
    CONFLICTING = "conflicting"
    """A name without a visible field arrived with different values. A visible field shows its own error."""
    INVALID = "invalid"
    """A field has an error."""
    VALID = "valid"
    """The entry can be sent."""


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """One POST of the form, read once.

    ``entry`` is the entry to show or to send: bound and validated if it is valid or invalid; otherwise
    unbound, with a new token if not all of it arrived.
    """

    kind: PostedKind
    entry: Entry
    values: Mapping[str, str]

    @classmethod
    def read(cls, values: QueryDict, providers: tuple[str, ...], *, date_order: str = "") -> PostedEntry:
        """Read and classify a POST. ``date_order``: as :class:`Entry` says.

        Raises ``TooManyFieldsSent`` for a row far above its list's limit.
        """
        conflicts = conflicting_names(values)
        changed = None if conflicts else _with_rows_changed(values)
        if changed is not None:
            entry = Entry.unbound(changed, providers, token=posted_token(changed))
            return cls(PostedKind.ROWS_CHANGED, entry, changed)
        if not conflicts and values.get("check") == "order":
            entry = Entry.unbound(values, providers, token=posted_token(values))
            return cls(PostedKind.ORDER_TO_CHECK, entry, values)
        entry = Entry.bound(values, providers, date_order=date_order)
        kind = _kind(entry, values, conflicts)
        if kind in (PostedKind.INCOMPLETE, PostedKind.CONFLICTING):
            entry = Entry.unbound(values, providers)
        return cls(kind, entry, values)

    @property
    def accepted(self) -> str:
        """The keys of the warnings that were accepted, separated by spaces."""
        return self.values.get("accepted", "")

    @property
    def order_number(self) -> str:
        """What is in the field Order, if it is to be looked up: no reference, but perhaps an order number."""
        if self.kind is not PostedKind.INVALID or not self.entry.may_be_order_number():
            return ""
        return order_number_in(self.values.get("order_ref", ""))

    @property
    def chosen_order(self) -> str:
        """The reference that was chosen for the number that is still in the field; empty if there is none."""
        choice = PostedChoice.read(self.values) if self.order_number else None
        return choice.chosen if choice else ""

    def with_order(self, order_ref: str) -> PostedEntry:
        """The same post read again with this reference as the order. The field still shows what was typed."""
        values = QueryDict(mutable=True)
        values.update(self.values)
        values["order_ref"] = order_ref
        read = PostedEntry.read(values, self.entry.providers)
        read.entry.show_order(self.values.get("order_ref", ""))
        return PostedEntry(read.kind, read.entry, self.values)

    @property
    def similar_reason(self) -> str:
        """The reason for creating a consumer although a similar one is on the order; empty without one."""
        return self.values.get("similar_reason", "")

    def with_new_token(self) -> Entry:
        """The same values as a new form, without errors."""
        return Entry.unbound(self.values, self.entry.providers)


def _kind(entry: Entry, values: QueryDict, conflicts: frozenset[str]) -> PostedKind:
    if not counts_every_row(values):
        return PostedKind.INCOMPLETE
    if conflicts - entry.shown_names():
        return PostedKind.CONFLICTING
    if "token" in entry.form.errors:
        return PostedKind.INCOMPLETE
    return PostedKind.VALID if entry.is_valid() else PostedKind.INVALID


def _with_rows_changed(values: Mapping[str, str]) -> dict[str, str] | None:
    """The values after Add or Remove was pressed; None if neither was."""
    if values.get("add") in LISTS:
        return with_row_added(values, values["add"])
    prefix, _dash, index = values.get("remove", "").rpartition("-")
    if prefix in LISTS and index.isdecimal() and len(index) < 6:
        return with_row_removed(values, prefix, int(index))
    return None
