"""The columns of the list that a person has chosen.

Preferences are a convenience and change no fact, so their changes are not recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.consumers.list_columns import COLUMNS, DEFAULT_COLUMNS, LINK_COLUMN
from apps.consumers.viewer import Viewer
from apps.history.models import ListColumns


def offered_columns(viewer: Viewer) -> tuple[str, ...]:
    """The columns that the viewer's list can have. A list of one's own has no column of persons."""
    return tuple(key for key in COLUMNS if viewer.sees_all or key != "person")


def shown_columns(viewer: Viewer, stored: Iterable[str] = ()) -> tuple[str, ...]:
    """The columns to show: those ``stored`` with a view, else the person's choice, else the usual ones.

    Columns that are not offered are left out. The link to the receipt is always there.
    """
    keys = list(stored) or chosen_columns(int(viewer.person_id)) or DEFAULT_COLUMNS
    shown = tuple(key for key in dict.fromkeys(keys) if key in offered_columns(viewer))
    return shown if LINK_COLUMN in shown else (LINK_COLUMN, *shown)


def chosen_columns(person_id: int) -> list[str]:
    """The columns that the person has chosen, in order; empty before the first choice."""
    return ListColumns.objects.filter(pk=person_id).values_list("keys", flat=True).first() or []


def choose_columns(person_id: int, keys: Sequence[str]) -> None:
    """Store the columns of the person's list, in this order."""
    ListColumns.objects.update_or_create(pk=person_id, defaults={"keys": list(keys)})
