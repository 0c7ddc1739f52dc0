"""The list of a person's drafts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import ngettext

from apps.consumers import drafts
from apps.consumers.models import Draft

MAX_SHOWN = 60
"""Characters of an order or a name as typed."""


@dataclass(frozen=True, slots=True, repr=False)
class DraftLine:
    """A draft. ``order`` and ``name``: as typed, perhaps empty. ``url``: empty if it cannot be read."""

    url: str
    discard_url: str
    saved_at: datetime
    order: str
    name: str


def draft_lines(found: Iterable[Draft]) -> tuple[DraftLine, ...]:
    """The lines of these drafts, in their order."""
    return tuple(map(_line, found))


def expiry_text() -> str:
    """When a draft is deleted; empty if the portal keeps no drafts."""
    days = settings.DRAFT_DAYS
    if not days:
        return ""
    return ngettext(
        "A draft is deleted %(days)s day after its last change.",
        "A draft is deleted %(days)s days after its last change.",
        days,
    ) % {"days": days}


def _line(draft: Draft) -> DraftLine:
    values = draft.values
    typed = values or {}
    name = f"{typed.get('first_name', '').strip()} {typed.get('last_name', '').strip()}".strip()
    return DraftLine(
        url=_url(draft, typed) if values is not None else "",
        discard_url=reverse("consumers:discard_draft", args=[draft.public_id]),
        saved_at=draft.saved_at,
        order=_shortened(typed.get("order_ref", "").strip()),
        name=_shortened(name),
    )


def _url(draft: Draft, values: dict[str, str]) -> str:
    """The form with the draft, and with the submission that it corrects."""
    named = {"from": values[drafts.EARLIER]} if values.get(drafts.EARLIER) else {}
    return f"{reverse('consumers:new')}?{urlencode({**named, 'draft': str(draft.public_id)})}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
