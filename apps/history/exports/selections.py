"""A selection as JSON, stored with an export so that the export writes the rows of the list."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from apps.consumers.models import DigestKind
from apps.consumers.viewer import Viewer
from apps.history.selection import Selection, SubmissionFilter

_MOMENTS = ("since", "until")


def to_json(selection: Selection) -> dict[str, Any]:
    """The filters in effect, the reader and the scope. Searches are stored as their keyed digests."""
    asked = selection.asked
    given = {field.name: getattr(asked, field.name) for field in dataclasses.fields(asked)}
    given = {name: value for name, value in given.items() if value not in ("", None, ())}
    for name in given.keys() & set(_MOMENTS):
        given[name] = given[name].astimezone(dt.UTC).isoformat()
    if asked.searches:
        given["searches"] = [[kind.value, digest.hex()] for kind, digest in asked.searches]
    return {"asked": given, "person": selection.viewer.person_id, "everybody": selection.viewer.sees_all}


def from_json(stored: dict[str, Any]) -> Selection:
    """The selection from which :func:`to_json` made ``stored``."""
    given = dict(stored["asked"])
    for name in given.keys() & set(_MOMENTS):
        given[name] = dt.datetime.fromisoformat(given[name])
    searches = tuple((DigestKind(kind), bytes.fromhex(digest)) for kind, digest in given.pop("searches", ()))
    return Selection(
        asked=SubmissionFilter(**given, searches=searches),
        viewer=Viewer(person_id=stored["person"], sees_all=stored["everybody"]),
    )
