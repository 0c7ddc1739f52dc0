"""Reasons to stop once before sending. Nothing interrupts a clean form."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from apps.cdp.consumers import NewConsumer
from apps.consumers import phones, selectors
from apps.consumers.digests import passport_key, search_digests
from apps.consumers.models import DigestKind, Submission
from apps.core import clock
from apps.core.encryption import keyed_digest
from apps.core.text import lookalikes, same_key, similar_key

SIMILAR = "similar_consumer"
NOT_COMPARED = "earlier_not_readable"
NO_IDENTITY = "no_matching_identity"
VERY_OLD = "born_over_120_years_ago"
PHONE_NOT_READ = "phone_number_not_read"
SEVERAL_PEOPLE = "several_people_in_a_name"
LOOKALIKES = "lookalike_letters"
OLDEST_YEARS = 120
_JOINED_NAMES = re.compile(r"[&+/;]|\band\b", re.IGNORECASE)
TELLING = (DigestKind.PASSPORT, DigestKind.IDENTIFIER, DigestKind.LAST_NAME)


@dataclass(frozen=True, slots=True, repr=False)
class Concern:
    """One reason, and the field that it is about.

    ``matching``: the fields in which a similar consumer is the same. ``value``: what the reason is about, as
    it will be sent; ``part``: the part of it that is odd. ``reading``: why a phone number was not read.
    """

    code: str
    field: str
    submission: Submission | None = None
    matching: tuple[str, ...] = ()
    value: str = ""
    part: str = ""
    reading: phones.PhoneReading | None = None

    def __repr__(self) -> str:
        return f"Concern({self.code}, <personal data>)"

    @property
    def key(self) -> str:
        """What Create anyway accepts: a new reason of the same kind has another key. No personal data."""
        if self.submission is not None:
            return f"{self.code}:{self.submission.public_id}"
        if not self.value:
            return self.code
        return f"{self.code}:{keyed_digest(self.code, self.field, self.value, self.part)[:16]}"


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
                matching = _matching_fields(earlier, consumer)
                yield Concern(SIMILAR, matching[0], submission, matching)
        elif submission.encrypted_consumer:  # no key opens it
            yield Concern(NOT_COMPARED, "order_ref", submission)
    if not has_enough_identity(consumer, selectors.providers()):
        yield Concern(NO_IDENTITY, "identifiers")
    if consumer.date_of_birth and _years_since(consumer.date_of_birth) > OLDEST_YEARS:
        yield Concern(VERY_OLD, "date_of_birth")
    if _JOINED_NAMES.search(consumer.first_name):
        yield Concern(SEVERAL_PEOPLE, "first_name", value=consumer.first_name)
    yield from _lookalikes(consumer)
    for number in consumer.phone_numbers:
        reading = phones.read(number)
        if not reading.e164:
            yield Concern(PHONE_NOT_READ, "phone_numbers", value=number, reading=reading)


def _lookalikes(consumer: NewConsumer) -> Iterator[Concern]:
    """Codes whose letters look Latin and are not. An identifier may be a whole word of another alphabet."""
    if found := lookalikes(consumer.passport_number):
        yield Concern(LOOKALIKES, "passport_number", value=consumer.passport_number, part=found)
    for identifier in consumer.identifiers:
        found = lookalikes(identifier.id)
        if found and any(character.isascii() and character.isalnum() for character in identifier.id):
            yield Concern(LOOKALIKES, "identifiers", value=identifier.id, part=found)


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
    matching = set(_matching_fields(one, other))
    return bool(matching & {"passport_number", "identifiers"}) or {"first_name", "last_name"} <= matching


# How two values of a field are compared; a list matches where it shares one.
_COMPARABLE: dict[str, Callable[[Any], object]] = {
    "first_name": similar_key,
    "last_name": similar_key,
    "date_of_birth": lambda born: born,
    "passport_number": passport_key,
    "emails": same_key,
    "phone_numbers": lambda number: number,
    "identifiers": lambda identifier: identifier,
}


def _matching_fields(one: NewConsumer, other: NewConsumer) -> tuple[str, ...]:
    return tuple(name for name in _COMPARABLE if _comparable(one, name) & _comparable(other, name))


def _comparable(consumer: NewConsumer, name: str) -> set[object]:
    value = getattr(consumer, name)
    values = value if isinstance(value, tuple) else (value,)
    return {_COMPARABLE[name](one) for one in values if one}


def _years_since(born: datetime.date) -> int:
    today = clock.now().date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
