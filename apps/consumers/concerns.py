"""Reasons to stop once before sending. Nothing interrupts a clean form."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from apps.cdp.consumers import NewConsumer
from apps.consumers import phones, selectors
from apps.consumers.digests import search_digests
from apps.consumers.models import DigestKind, Submission

SIMILAR = "similar_consumer"
NOT_COMPARED = "earlier_not_readable"
NO_IDENTITY = "no_matching_identity"
VERY_OLD = "born_over_120_years_ago"
PHONE_NOT_READ = "phone_number_not_read"
OLDEST_YEARS = 120
TELLING = (DigestKind.PASSPORT, DigestKind.IDENTIFIER, DigestKind.LAST_NAME)


@dataclass(frozen=True, slots=True)
class Concern:
    """One reason. ``key`` is what Create anyway accepts: a new reason of the same kind has another key."""

    code: str
    submission: Submission | None = None
    matching: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.code}:{self.submission.public_id}" if self.submission else self.code


def find_concerns(
    order_ref: str, consumer: NewConsumer, *, besides: Submission | None = None
) -> tuple[Concern, ...]:
    """Every reason why somebody might not want to send this consumer to this order.

    ``besides`` is the consumer's own submission, where it has been written already.
    """
    return tuple(_concerns(order_ref, consumer, besides))


def _concerns(order_ref: str, consumer: NewConsumer, besides: Submission | None) -> Iterator[Concern]:
    # Whatever is similar shares one of these; the rest of a large order need not be decrypted.
    telling = [pair for pair in search_digests(consumer) if pair[0] in TELLING]
    for submission in selectors.possibly_similar_on_order(order_ref, telling):
        if submission == besides:
            continue
        earlier = submission.consumer
        if earlier is not None:
            if _similar(earlier, consumer):
                yield Concern(SIMILAR, submission, _matching_fields(earlier, consumer))
        elif submission.encrypted_consumer:  # no key opens it
            yield Concern(NOT_COMPARED, submission)
    if not has_enough_identity(consumer, selectors.providers()):
        yield Concern(NO_IDENTITY)
    if consumer.date_of_birth and _years_since(consumer.date_of_birth) > OLDEST_YEARS:
        yield Concern(VERY_OLD)
    if any(phones.e164(number) is None for number in consumer.phone_numbers):
        yield Concern(PHONE_NOT_READ)


def has_enough_identity(consumer: NewConsumer, providers: tuple[str, ...]) -> bool:
    """Whether an identity rule can match: an identifier of a rule's provider or, by setting, an e-mail.

    Vendor: the provider is compared letter for letter. Where no rule is entered here, any identifier counts.
    """
    if settings.EMAIL_IDENTIFIES and consumer.emails:
        return True
    return any(not providers or identifier.provider in providers for identifier in consumer.identifiers)


def _similar(one: NewConsumer, other: NewConsumer) -> bool:
    """The same passport, a common identifier, or the same whole name.

    A shared e-mail address, phone number or last name alone is what families travel with.
    """
    if one.passport_number and one.passport_number == other.passport_number:
        return True
    if set(one.identifiers) & set(other.identifiers):
        return True
    return {"first_name", "last_name"} <= set(_matching_fields(one, other))


def _matching_fields(one: NewConsumer, other: NewConsumer) -> tuple[str, ...]:
    names = ("first_name", "last_name")
    single = ("date_of_birth", "passport_number")
    lists = ("emails", "phone_numbers", "identifiers")
    return (
        *(name for name in names if getattr(one, name).casefold() == getattr(other, name).casefold() != ""),
        *(name for name in single if getattr(one, name) and getattr(one, name) == getattr(other, name)),
        *(name for name in lists if set(getattr(one, name)) & set(getattr(other, name))),
    )


def _years_since(born: datetime.date) -> int:
    today = datetime.datetime.now(datetime.UTC).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
