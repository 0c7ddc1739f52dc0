"""Page data of the list: sortable columns, and links to saved views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from apps.accounts.roles import LABELS
from apps.consumers.presenters.lists import ListColumn, list_columns
from apps.core.web.filters import with_query
from apps.history.models import SavedView
from apps.history.presenters.filters import filtered_url
from apps.history.selection import Sort

# For each sortable column: the order of the first press, and that of the second.
_ORDERS: Final = {"time": (Sort.NEWEST, Sort.OLDEST), "duration": (Sort.SLOWEST, Sort.FASTEST)}


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A saved view as a link. ``audience``: the label of its role; empty for the reader's own."""

    name: str
    url: str
    audience: str
    is_open: bool

    @classmethod
    def of(cls, view: SavedView, path: str, *, is_open: bool = False) -> Self:
        """The link to a view at the list's address."""
        return cls(view.name, view_url(view, path), role_label(view.role), is_open)


def role_label(role: str) -> str:
    """The label of a role; empty for none."""
    return str(LABELS.get(role, role))


def view_url(view: SavedView, path: str) -> str:
    """The address of the list at ``path`` with the filters of a view."""
    return with_query(path, view.query, view=str(view.public_id))


def sortable_columns(
    keys: Iterable[str], sort: Sort, path: str, values: Mapping[str, Any]
) -> tuple[ListColumn, ...]:
    """These columns; those of time and duration have a link that sorts by them, or turns the order."""
    return tuple(
        _sortable(column, sort, path, values) if column.key in _ORDERS else column
        for column in list_columns(keys)
    )


def _sortable(column: ListColumn, sort: Sort, path: str, values: Mapping[str, Any]) -> ListColumn:
    first, second = _ORDERS[column.key]
    is_sorted = sort in (first, second)
    url = filtered_url(path, values, sort=(second if sort is first else first).value)
    state = ("ascending" if sort.is_ascending else "descending") if is_sorted else ""
    return replace(column, url=url, sorted=state)
