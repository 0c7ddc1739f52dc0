"""Keyed digests of a consumer: of its whole content, and of the values that searches find it by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from apps.cdp.consumers import NewConsumer
from apps.consumers import emails, phones
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.core import personal_data
from apps.core.bulk_writing import Replaced, insert_rows, replace_values
from apps.core.encryption import NotReadableError, has_several_digest_keys, keyed_digest, keyed_digests
from apps.core.personal_data import RewrittenRows
from apps.core.text import code_key, same_key, similar_key


def content_digest(order_ref: str, consumer: NewConsumer, *, key: str = "") -> bytes:
    """Digest over the order and everything that is sent: equal for two identical sends under one key.

    ``key``: as for ``keyed_digest``, with the same error. Vendor: references are compared without regard to
    case.
    """
    return keyed_digest("content", *_content(order_ref, consumer), key=key)


def content_digests(order_ref: str, consumer: NewConsumer) -> tuple[bytes, ...]:
    """:func:`content_digest` under every digest key, to compare with a stored one; the one in use first."""
    return keyed_digests("content", *_content(order_ref, consumer))


def content_digests_of(submission: Submission) -> tuple[bytes, ...]:
    """The digests that a submission with the same content may have, under every digest key.

    If the consumer cannot be read, only the stored digest. Empty for an erased submission. A stored value
    that is not bytes is left out.
    """
    stored = submission.content_digest
    if not stored:
        return ()
    own = (bytes(stored),) if isinstance(stored, bytes | memoryview) else ()  # SQLite stores any type
    consumer = submission.consumer if has_several_digest_keys() else None
    return (*own, *content_digests(submission.order_ref, consumer)) if consumer else own


def search_digest(kind: DigestKind, value: str, *, key: str = "") -> bytes:
    """The digest of a value, for storing. Spellings that normalise to the same text share it.

    ``key``: as for ``keyed_digest``, with the same error.
    """
    return keyed_digest(kind.value, _normalised(kind, value), key=key)


def search_digests_of_value(kind: DigestKind, value: str) -> tuple[bytes, ...]:
    """:func:`search_digest` under every digest key, for a search; the one in use first."""
    return keyed_digests(kind.value, _normalised(kind, value))


def search_digests(consumer: NewConsumer, *, key: str = "") -> set[tuple[DigestKind, bytes]]:
    """Kind and digest of every searchable value of a consumer, for storing. ``key``: as for keyed_digest."""
    return {(kind, search_digest(kind, value, key=key)) for kind, value in _searchable(consumer)}


def search_digests_under_every_key(consumer: NewConsumer) -> set[tuple[DigestKind, bytes]]:
    """:func:`search_digests` under every digest key, to look for stored ones."""
    return {
        (kind, digest)
        for kind, value in _searchable(consumer)
        for digest in search_digests_of_value(kind, value)
    }


def _content(order_ref: str, consumer: NewConsumer) -> tuple[str, str]:
    return order_ref.lower(), json.dumps(consumer.to_json(), ensure_ascii=False, sort_keys=True)


def _searchable(consumer: NewConsumer) -> list[tuple[DigestKind, str]]:
    values = [
        *((DigestKind.EMAIL, email) for email in consumer.emails),
        *((DigestKind.PHONE, number) for number in consumer.phone_numbers),
        *((DigestKind.IDENTIFIER, identifier.id) for identifier in consumer.identifiers),
        (DigestKind.PASSPORT, consumer.passport_number),
        (DigestKind.LAST_NAME, consumer.last_name),
    ]
    return [(kind, value) for kind, value in values if value]


def store_search_digests(submission: Submission, consumer: NewConsumer, *, key: str = "") -> None:
    """Store the search digests of a submission that has none. ``key``: as for ``keyed_digest``."""
    digests = sorted(search_digests(consumer, key=key))
    rows = [(submission.pk, kind.value, digest) for kind, digest in digests]
    insert_rows(SubmissionDigest, ["submission", "kind", "digest"], rows)


def re_digest_rows(pks: Sequence[int], key: str) -> RewrittenRows:
    """The submissions with these primary keys, with new digests under the key of that fingerprint."""
    contents: list[Replaced] = []
    digests: list[tuple[int, str, bytes]] = []
    unreadable: list[UUID] = []
    columns = ("public_id", "order_ref", "content_digest", "encrypted_consumer")
    for row in Submission.objects.filter(pk__in=pks).only(*columns):
        try:
            sent = personal_data.text(row, "encrypted_consumer")
        except NotReadableError:
            unreadable.append(row.public_id)
            continue
        if not sent:  # erased
            continue
        consumer = NewConsumer.from_json(json.loads(sent))
        content = content_digest(row.order_ref, consumer, key=key)
        contents.append(Replaced(row.pk, (row.content_digest,), (content,)))
        digests += ((row.pk, kind.value, digest) for kind, digest in search_digests(consumer, key=key))

    def write() -> bool:
        # An erased row has another digest by now. One that is not erased stays so until the commit.
        if not replace_values(Submission, ["content_digest"], contents):
            return False
        SubmissionDigest.objects.filter(submission__in=[row.pk for row in contents]).delete()
        insert_rows(SubmissionDigest, ["submission", "kind", "digest"], digests)
        return True

    return RewrittenRows(write, unreadable, len(contents))


def _normalised(kind: DigestKind, value: str) -> str:
    match kind:
        case DigestKind.PHONE:
            return phones.e164(value) or "".join(value.split())
        case DigestKind.EMAIL:
            addresses = emails.split_addresses(value)
            return same_key(addresses[0] if len(addresses) == 1 else value)
        case DigestKind.PASSPORT:
            return code_key(value)
        case DigestKind.LAST_NAME:
            return similar_key(value)
        case DigestKind.IDENTIFIER:
            return value.strip()  # vendor: compared letter for letter
