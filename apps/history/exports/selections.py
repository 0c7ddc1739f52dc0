"""A selection as JSON, stored with an export so that the export writes the rows of the list."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any

from apps.consumers import searches
from apps.consumers.models import Outcome
from apps.consumers.viewer import Viewer
from apps.history.selection import Selection, Sort, SubmissionFilter

_MOMENTS = ("since", "until")


def to_json(selection: Selection) -> dict[str, Any]:
    """The filters in effect, the reader and the scope. A search is stored by its public id."""
    asked = selection.asked
    given = {field.name: getattr(asked, field.name) for field in dataclasses.fields(asked)}
    given = {name: value for name, value in given.items() if value not in ("", None, ())}
    for name in given.keys() & set(_MOMENTS):
        given[name] = given[name].astimezone(dt.UTC).isoformat()
    if asked.search:
        given["search"] = str(asked.search.public_id)
    if asked.batch:
        given["batch"] = str(asked.batch)
    return {
        "asked": given,
        "sort": selection.sort.value,
        "person": selection.viewer.person_id,
        "everybody": selection.viewer.sees_all,
    }


def from_json(stored: dict[str, Any]) -> Selection:
    """The selection from which :func:`to_json` made ``stored``, with the present digests of its search.

    Reads the search from the database. Raises ``SearchNotUsable``.
    """
    given = {**stored["asked"], **period_of(stored)}
    if "outcomes" in given:
        given["outcomes"] = tuple(map(Outcome, given["outcomes"]))
    if "batch" in given:
        given["batch"] = uuid.UUID(given["batch"])
    if "search" in given:
        given["search"] = searches.find(uuid.UUID(given["search"]))
    return Selection(
        asked=SubmissionFilter(**given),
        viewer=Viewer(person_id=stored["person"], sees_all=stored["everybody"]),
        sort=Sort(stored["sort"]),
    )


def period_of(stored: dict[str, Any]) -> dict[str, dt.datetime | None]:
    """``since`` and ``until`` of the selection from which :func:`to_json` made ``stored``."""
    given = stored["asked"]
    return {name: dt.datetime.fromisoformat(given[name]) if name in given else None for name in _MOMENTS}
