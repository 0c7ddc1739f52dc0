"""Read and classify one POST of the form."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import QueryDict

from apps.consumers.forms.entry import Entry
from apps.consumers.forms.fields import order_number_in
from apps.consumers.forms.flat_values import counts_every_row, with_row_added, with_row_removed
from apps.consumers.forms.lists import LISTS
from apps.core.forms.input import conflicting_names
from apps.core.references import UUID_SHAPED

CHOSEN, CHOSEN_FOR = "order_choice", "order_choice_for"
"""The names of the reference that was chosen for an order number, and of that number."""


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
    unbound, with a new token.
    """

    kind: PostedKind
    entry: Entry
    values: Mapping[str, str]

    @classmethod
    def read(cls, values: QueryDict, providers: tuple[str, ...]) -> PostedEntry:
        """Read and classify a POST. Raises ``TooManyFieldsSent`` for a row far above its list's limit."""
        conflicts = conflicting_names(values)
        changed = None if conflicts else _with_rows_changed(values)
        if changed is not None:
            return cls(PostedKind.ROWS_CHANGED, Entry.unbound(changed, providers), changed)
        if not conflicts and values.get("check") == "order":
            return cls(PostedKind.ORDER_TO_CHECK, Entry.unbound(values, providers), values)
        entry = Entry.bound(values, providers)
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
        is_asked = self.kind in (PostedKind.INVALID, PostedKind.ORDER_TO_CHECK)
        if not is_asked or not self.entry.may_be_order_number():
            return ""
        return order_number_in(self.values.get("order_ref", ""))

    @property
    def chosen_order(self) -> str:
        """The reference that was chosen for the number that is still in the field; empty if there is none."""
        number, chosen = self.values.get(CHOSEN_FOR, ""), self.values.get(CHOSEN, "")
        is_chosen = number == self.order_number != "" and UUID_SHAPED.fullmatch(chosen)
        return chosen if is_chosen else ""

    def with_order(self, order_ref: str) -> PostedEntry:
        """The same post with this reference in the field Order, read again."""
        values = QueryDict(mutable=True)
        values.update(self.values)
        values["order_ref"] = order_ref
        return PostedEntry.read(values, self.entry.providers)

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
