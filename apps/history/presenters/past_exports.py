"""Page data of the list of past exports."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.formats import date_format

from apps.core.export.formats import Format
from apps.core.web.filters import Chip, with_query
from apps.history.exports.facts import period_text
from apps.history.exports.past import search_of_another
from apps.history.models import Export, State

# The shape of a state is that of an outcome.
_SHAPES: Final = {
    State.RUNNING: "sending",
    State.DELIVERING: "sending",
    State.FINISHED: "created",
    State.FAILED: "rejected",
    State.CANCELLED: "not_sent",
}


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One past export as a row of the list.

    ``is_active``: whether it still runs. ``again_at_once``: whether one click exports the same again, with
    nothing that its person has to read or choose first.
    """

    public_id: uuid.UUID
    url: str
    started_at: dt.datetime | None
    person: str
    user_name: str
    filters: list[str]
    period: str
    rows: int
    columns: int
    format: str
    reason: str  # empty without personal data
    shape: str
    state: str
    sha256: str  # empty unless the whole file was sent
    is_active: bool
    again_at_once: bool


def export_line(export: Export, *, reader: str) -> ExportLine:
    """The row of a started export. ``reader``: the id of the person who reads it."""
    needs_a_look = export.personal or search_of_another(export, reader=reader) is not None
    return ExportLine(
        public_id=export.public_id,
        url=reverse("history:exported", args=[export.public_id]),
        started_at=export.started_at,
        person=export.person_name,
        user_name=export.person.username,
        filters=filter_texts(export),
        period=period_text(export),
        rows=export.rows,
        columns=len(export.columns),
        format=str(Format(export.format).label),
        reason=str(export.get_reason_display()) if export.personal else "",
        shape=_SHAPES[State(export.state)],
        state=str(State(export.state).label),
        sha256=export.sha256,
        is_active=export.is_active,
        again_at_once=not (export.is_active or needs_a_look),
    )


def filter_texts(export: Export) -> list[str]:
    """The filters as they were in effect, such as ``Outcome: Created``."""
    return [f"{label}: {text}" if text else label for label, text in export.filters]


def past_export_chips(
    path: str, values: Mapping[str, str], given: Mapping[str, Any], labels: Mapping[str, Any], people: Any
) -> list[Chip]:
    """The filters of the list in effect. ``given``: the cleaned values by name; ``people``: names by id."""
    return [
        Chip(
            str(labels[name]),
            str(people.get(value, value)) if name == "person" else date_format(value, "j F Y"),
            with_query(path, values, **{name: ""}),
        )
        for name, value in given.items()
        if value
    ]
