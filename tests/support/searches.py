"""Recorded searches, stored as the portal stores them."""

from __future__ import annotations

from apps.accounts.models import User
from apps.consumers import searches
from apps.consumers.models import DigestKind, RecordedSearch
from tests.support.people import acting


def recorded(person: User, **values: str) -> RecordedSearch:
    """A search of this person, by kind: ``recorded(sue, email="ida@example.com")``."""
    typed = {DigestKind(kind): value for kind, value in values.items()}
    return searches.record_search(typed, actor=acting(person))


def token(person: User, **values: str) -> str:
    """The token of such a search, for an address: in URL-safe base64."""
    return searches.seal(recorded(person, **values))
