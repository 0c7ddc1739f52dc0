"""Searches for values of consumers, recorded and found again by a sealed token.

An address names a search only by its token: the id of the recorded search, encrypted for the person who
searched. So an address contains no digest, and nobody can put one into it.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.consumers.audit_events import SEARCHES_ERASED, SUBMISSIONS_SEARCHED
from apps.consumers.models import DigestKind, RecordedSearch, RecordedSearchDigest
from apps.consumers.recording import record_shown
from apps.consumers.sending.digests import search_digest, search_digests_of_value
from apps.core import clock, personal_data
from apps.core.actor import Actor
from apps.core.bulk_writing import Replaced, insert_rows, replace_values
from apps.core.encryption import MissingKeyError, NotReadableError, decrypt_from_text, encrypt_as_text
from apps.core.personal_data import RewrittenRows

logger = logging.getLogger(__name__)

MAX_ERASED = 500
"""Searches whose values :func:`erase_expired` deletes at once."""
_MARGIN = dt.timedelta(hours=1)  # a search is stored before its event, whose time is that of the database
_BINDING = "search.token"  # never changes: tokens are bound to it


class SearchNotUsable(Exception):
    """A search cannot be used. No rows may be shown: without it, they would be more than it finds."""


class SearchGone(SearchNotUsable):
    """The search was erased or deleted, or the token is not this person's."""


class SearchUnreadable(SearchNotUsable):
    """What was searched for cannot be decrypted: its key is missing, or the row was changed."""


@dataclass(frozen=True, slots=True)
class Search:
    """A recorded search: its public id, and of each value, at least one, the kind and the digests.

    A value has a digest under each digest key, because a stored one may be under a former key.
    """

    public_id: uuid.UUID
    digests: tuple[tuple[DigestKind, tuple[bytes, ...]], ...]

    @property
    def kinds(self) -> list[DigestKind]:
        """The kinds of the values."""
        return [kind for kind, _digests in self.digests]


def record_search(values: Mapping[DigestKind, str], *, actor: Actor) -> RecordedSearch:
    """Store a search for submissions and its event. There is at least one value, and none is empty."""
    with transaction.atomic():
        search = store_search(values, actor=actor)
        data = {"search": str(search.public_id), "by": search.kinds}
        record_shown(Event(SUBMISSIONS_SEARCHED, actor, data=data))
    return search


def store_search(values: Mapping[DigestKind, str], *, actor: Actor) -> RecordedSearch:
    """Store a search, whose event the caller records in the same transaction.

    Raises ``MissingKeyError``, and stores nothing, if this process does not have a key in use.
    """
    digests = [(kind, search_digest(kind, value)) for kind, value in values.items()]
    search = RecordedSearch(
        person_id=actor.id,
        searched_at=clock.now(),
        kinds=[kind.value for kind in DigestKind if kind in values],
    )
    stored = json.dumps({kind: values[DigestKind(kind)] for kind in search.kinds}, ensure_ascii=False)
    search.encrypted_values = personal_data.encrypted(search, "encrypted_values", stored)
    search.save(force_insert=True)
    RecordedSearchDigest.objects.bulk_create(
        RecordedSearchDigest(search=search, kind=kind, digest=digest) for kind, digest in sorted(digests)
    )
    return search


def seal(search: RecordedSearch) -> str:
    """The token of a search, for addresses: only the person who searched can use it."""
    return encrypt_as_text(search.public_id.hex, _BINDING, str(search.person_id))


def unseal(token: str, person_id: str) -> Search:
    """The search of a person's token. Raises as :func:`find`, and :class:`SearchGone` for any other text."""
    try:
        public_id = uuid.UUID(decrypt_from_text(token, _BINDING, person_id))
    except NotReadableError:
        logger.warning("search_token_refused %s", person_id)
        raise SearchGone from None
    return find(public_id)


def find(public_id: uuid.UUID) -> Search:
    """The search with this id, with its present digests.

    Raises :class:`SearchGone` or :class:`SearchUnreadable`, which is logged.
    """
    try:
        found = tuple((kind, search_digests_of_value(kind, value)) for kind, value in _read(public_id))
    except MissingKeyError:
        logger.error("search_not_usable key_missing %s", public_id)
        raise SearchUnreadable from None
    return Search(public_id, found)


def record_again(public_id: uuid.UUID, *, actor: Actor) -> RecordedSearch:
    """Record another person's search as one of the actor's, who does not see its values.

    Raises as :func:`find`, and ``MissingKeyError``.
    """
    return record_search(dict(_read(public_id)), actor=actor)


def _read(public_id: uuid.UUID) -> list[tuple[DigestKind, str]]:
    """The values of a search. Raises :class:`SearchGone` or :class:`SearchUnreadable`."""
    stored = RecordedSearch.objects.filter(public_id=public_id).first()
    if stored is None or not stored.encrypted_values:
        raise SearchGone
    text = personal_data.readable_text(stored, "encrypted_values")
    if not text:
        raise SearchUnreadable
    return _values(text)


def erase_expired(actor: Actor) -> int:
    """Delete the values of searches whose time has passed, at most :data:`MAX_ERASED`. Returns their number.

    Their time is ``SEARCH_DAYS`` days (0: any), and not longer than the log has events of that time.
    """
    due = [*_expired()[:MAX_ERASED].values_list("pk", flat=True)]
    return _erase(due, actor) if due else 0


@transaction.atomic
def _erase(pks: Sequence[int], actor: Actor) -> int:
    rows = RecordedSearch.objects.filter(pk__in=pks).exclude(encrypted_values=b"")
    # Before the digests: it locks the rows, so no rotation of keys writes digests of these values afterwards.
    count = rows.update(encrypted_values=b"")
    RecordedSearchDigest.objects.filter(search__in=pks).delete()
    if count:  # not if another worker was first
        record(Event(SEARCHES_ERASED, actor, data={"count": count}))
    return count


def _expired() -> QuerySet[RecordedSearch]:
    with_values = RecordedSearch.objects.exclude(encrypted_values=b"").order_by("searched_at")
    limits = [clock.now() - dt.timedelta(days=settings.SEARCH_DAYS)] if settings.SEARCH_DAYS else []
    begins = AuditEvent.objects.order_by("seq").first()
    if begins is not None and begins.seq > 1 and begins.at:  # earlier events were removed
        limits.append(begins.at - _MARGIN)
    return with_values.filter(searched_at__lt=max(limits)) if limits else with_values.none()


def re_digest_rows(pks: Sequence[int], key: str) -> RewrittenRows:
    """The searches with these primary keys, with new digests under the key of that fingerprint."""
    searched: list[Replaced] = []
    digests: list[tuple[int, str, bytes]] = []
    unreadable: list[uuid.UUID] = []
    for row in RecordedSearch.objects.filter(pk__in=pks).only("public_id", "encrypted_values"):
        try:
            text = personal_data.text(row, "encrypted_values")
        except NotReadableError:
            unreadable.append(row.public_id)
            continue
        if not text:  # erased
            continue
        same = (bytes(row.encrypted_values),)
        searched.append(Replaced(row.pk, same, same))
        digests += (
            (row.pk, kind.value, search_digest(kind, value, key=key)) for kind, value in _values(text)
        )

    def write() -> bool:
        # Locks the rows. An erased one has no values by now, and none is erased before the commit.
        if not replace_values(RecordedSearch, ["encrypted_values"], searched):
            return False
        RecordedSearchDigest.objects.filter(search__in=[row.pk for row in searched]).delete()
        insert_rows(RecordedSearchDigest, ["search", "kind", "digest"], digests)
        return True

    return RewrittenRows(write, unreadable, len(searched))


def _values(stored: str) -> list[tuple[DigestKind, str]]:
    """Kind and text of each value. ``stored``: the decrypted JSON."""
    return [(DigestKind(kind), value) for kind, value in json.loads(stored).items()]
