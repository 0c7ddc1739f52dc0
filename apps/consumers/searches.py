"""Searches for values of consumers, recorded and found again by a sealed token.

An address names a search only by its token: the id of the recorded search, encrypted for the person who
searched. So an address contains no digest, and nobody can put one into it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from apps.audit.events import Event
from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSIONS_SEARCHED
from apps.consumers.models import DigestKind, RecordedSearch, RecordedSearchDigest
from apps.consumers.sending.digests import search_digest
from apps.core import clock, personal_data
from apps.core.actor import Actor
from apps.core.encryption import NotReadableError, decrypt_from_text, encrypt_as_text

_PLACE = "search.token"  # never changes: tokens are bound to it


@dataclass(frozen=True, slots=True)
class Search:
    """A recorded search: its public id, and kind and digest of what was searched for.

    Without digests, because it was erased or cannot be read, it must find nothing.
    """

    public_id: uuid.UUID
    digests: tuple[tuple[DigestKind, bytes], ...] = ()

    @property
    def kinds(self) -> list[DigestKind]:
        """The kinds of the values."""
        return [kind for kind, _digest in self.digests]


def record_search(values: Mapping[DigestKind, str], *, actor: Actor) -> RecordedSearch:
    """Store that the actor searches for these values, not empty, with its event."""
    search = RecordedSearch(
        person_id=actor.id,
        searched_at=clock.now(),
        kinds=[kind.value for kind in DigestKind if kind in values],
    )
    stored = json.dumps({kind: values[DigestKind(kind)] for kind in search.kinds}, ensure_ascii=False)
    search.encrypted_values = personal_data.encrypted(search, "encrypted_values", stored)
    with transaction.atomic():
        search.save(force_insert=True)
        _store_digests(search)
        data = {"search": str(search.public_id), "by": search.kinds}
        record(Event(SUBMISSIONS_SEARCHED, actor, data=data))
    return search


def seal(search: RecordedSearch) -> str:
    """The token of a search, for addresses: only the person who searched can use it."""
    return encrypt_as_text(search.public_id.hex, _PLACE, str(search.person_id))


def unseal(token: str, person_id: str) -> Search | None:
    """The search of a token; None if the token is not this person's, or the search can no longer be read."""
    try:
        public_id = uuid.UUID(decrypt_from_text(token, _PLACE, person_id))
    except NotReadableError:
        return None
    search = find(public_id)
    return search if search.digests else None


def find(public_id: uuid.UUID) -> Search:
    """The search with this id, with its present digests: none if it was erased or cannot be read."""
    stored = RecordedSearch.objects.filter(public_id=public_id).first()
    return Search(public_id, tuple(_digests(_values(stored))) if stored else ())


def re_digest(search: RecordedSearch) -> None:
    """Compute and store the digests of a search again; nothing for an erased one.

    Call it in a transaction. Raises ``NotReadableError``, and changes nothing, if the values cannot be read.
    """
    # Locked and read again: it may have been erased since.
    search.refresh_from_db(from_queryset=RecordedSearch.objects.select_for_update())
    personal_data.text(search, "encrypted_values")
    search.digests.all().delete()
    _store_digests(search)


def _values(search: RecordedSearch) -> dict[DigestKind, str]:
    """What was searched for, by kind; empty if it was erased, or if it cannot be read, which is logged."""
    stored = personal_data.readable_text(search, "encrypted_values")
    return {DigestKind(kind): value for kind, value in json.loads(stored).items()} if stored else {}


def _digests(values: Mapping[DigestKind, str]) -> list[tuple[DigestKind, bytes]]:
    return [(kind, search_digest(kind, value)) for kind, value in values.items()]


def _store_digests(search: RecordedSearch) -> None:
    RecordedSearchDigest.objects.bulk_create(
        RecordedSearchDigest(search=search, kind=kind, digest=digest)
        for kind, digest in _digests(_values(search))
    )
