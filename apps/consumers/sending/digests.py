"""Keyed digests of a consumer: of its whole content, and of the values that searches find it by."""

from __future__ import annotations

import json

from apps.cdp.consumers import NewConsumer
from apps.consumers import emails, phones
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.core import personal_data
from apps.core.encryption import keyed_digest
from apps.core.text import code_key, same_key, similar_key


def content_digest(order_ref: str, consumer: NewConsumer) -> bytes:
    """Digest over the order and everything that is sent: equal for two identical sends.

    Vendor: references are compared without regard to case.
    """
    content = json.dumps(consumer.to_json(), ensure_ascii=False, sort_keys=True)
    return keyed_digest("content", order_ref.lower(), content)


def search_digest(kind: DigestKind, value: str) -> bytes:
    """The digest for a search by that kind of value. Spellings that normalise to the same text share it."""
    return keyed_digest(kind.value, _normalised(kind, value))


def search_digests(consumer: NewConsumer) -> set[tuple[DigestKind, bytes]]:
    """Kind and digest of every searchable value of a consumer."""
    values = [
        *((DigestKind.EMAIL, email) for email in consumer.emails),
        *((DigestKind.PHONE, number) for number in consumer.phone_numbers),
        *((DigestKind.IDENTIFIER, identifier.id) for identifier in consumer.identifiers),
        (DigestKind.PASSPORT, consumer.passport_number),
        (DigestKind.LAST_NAME, consumer.last_name),
    ]
    return {(kind, search_digest(kind, value)) for kind, value in values if value}


def store_search_digests(submission: Submission, consumer: NewConsumer) -> None:
    """Store the search digests of a submission that has none."""
    SubmissionDigest.objects.bulk_create(
        SubmissionDigest(submission=submission, kind=kind, digest=digest)
        for kind, digest in sorted(search_digests(consumer))
    )


def re_digest(submission: Submission) -> None:
    """Compute and store the digests of a submission again; nothing for an erased one.

    Call it in a transaction. Raises ``NotReadableError``, and changes nothing, if the consumer cannot be
    read.
    """
    # Locked and read again: it may have been erased since.
    submission.refresh_from_db(from_queryset=Submission.objects.select_for_update())
    personal_data.text(submission, "encrypted_consumer")
    consumer = submission.consumer
    if consumer is None:
        return
    submission.content_digest = content_digest(submission.order_ref, consumer)
    submission.save(update_fields=["content_digest"])
    submission.digests.all().delete()
    store_search_digests(submission, consumer)


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
