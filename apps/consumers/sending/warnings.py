"""Warnings: reasons to stop once before sending. An entry without a reason is not interrupted."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from django.conf import settings

from apps.cdp.consumers import NewConsumer
from apps.cdp.records import Order
from apps.consumers import phones, selectors
from apps.consumers.models import DigestKind, Submission
from apps.consumers.sending.digests import passport_key, search_digests_under_every_key
from apps.core import clock
from apps.core.encryption import keyed_digests
from apps.core.references import reference_key
from apps.core.text import lookalikes, same_key, similar_key

SIMILAR = "similar_consumer"
NOT_COMPARED = "earlier_not_readable"
NO_IDENTITY = "no_matching_identity"
VERY_OLD = "born_over_120_years_ago"
PHONE_NOT_READ = "phone_number_not_read"
SEVERAL_PEOPLE = "several_people_in_a_name"
LOOKALIKES = "lookalike_letters"
CANCELLED = "cancelled_order"
OLDEST_YEARS = 120
_JOINED_NAMES = re.compile(r"[&+/;]|\band\b", re.IGNORECASE)
DISTINCTIVE_KINDS = (DigestKind.PASSPORT, DigestKind.IDENTIFIER, DigestKind.LAST_NAME)


@dataclass(frozen=True, slots=True, repr=False)
class EntryWarning:
    """One warning, and the field that it is about.

    ``matching``: the fields in which a similar consumer is equal. ``value``: the value concerned, as it
    will be sent, or the key of a cancelled order; ``part``: the unusual part of the value, or the status of
    the order. ``reading``: why a phone number was not read.
    """

    code: str
    field: str
    submission: Submission | None = None
    matching: tuple[str, ...] = ()
    value: str = ""
    part: str = ""
    reading: phones.PhoneReading | None = None

    def __repr__(self) -> str:
        return f"EntryWarning({self.code}, <personal data>)"

    @property
    def key(self) -> str:
        """The key that Create anyway confirms, without personal data. Another warning has another key."""
        return self._keys()[0]

    def is_confirmed(self, accepted: frozenset[str]) -> bool:
        """Whether one of these keys confirms this warning. It may have been made under another digest key."""
        return not accepted.isdisjoint(self._keys())

    def _keys(self) -> list[str]:
        if self.submission is not None:
            return [f"{self.code}:{self.submission.public_id}"]
        if not self.value:
            return [self.code]
        digests = keyed_digests(self.code, self.field, self.value, self.part)
        return [f"{self.code}:{digest.hex()[:16]}" for digest in digests]


def find_warnings(
    order_ref: str,
    consumer: NewConsumer,
    *,
    order: Order | None = None,
    besides: Submission | None = None,
) -> tuple[EntryWarning, ...]:
    """All warnings about sending this consumer to this order.

    ``order``: the order, if the portal has just read it. ``besides``: the consumer's own submission, if it is
    already stored.
    """
    warnings = _warnings(order_ref, consumer, besides)
    if not is_cancelled(order):
        return tuple(warnings)
    cancelled = EntryWarning(CANCELLED, "order_ref", value=reference_key(order_ref), part=order.status)
    return (cancelled, *warnings)


def is_cancelled(order: Order | None) -> TypeGuard[Order]:
    """Whether the order has one of the statuses in CANCELLED_STATUSES, in any case."""
    return order is not None and order.status.casefold() in map(str.casefold, settings.CANCELLED_STATUSES)


def _warnings(order_ref: str, consumer: NewConsumer, besides: Submission | None) -> Iterator[EntryWarning]:
    # Similar consumers share one of these digests; the rest of a large order is not decrypted.
    distinctive = [pair for pair in search_digests_under_every_key(consumer) if pair[0] in DISTINCTIVE_KINDS]
    for submission in selectors.possibly_similar_on_order(order_ref, distinctive):
        if submission == besides:
            continue
        earlier = submission.consumer
        if earlier is not None:
            if _similar(earlier, consumer):
                matching = _matching_fields(earlier, consumer)
                yield EntryWarning(SIMILAR, matching[0], submission, matching)
        elif not submission.is_erased:  # it cannot be read
            yield EntryWarning(NOT_COMPARED, "order_ref", submission)
    if not has_enough_identity(consumer, selectors.providers()):
        yield EntryWarning(NO_IDENTITY, "identifiers")
    if consumer.date_of_birth and _years_since(consumer.date_of_birth) > OLDEST_YEARS:
        yield EntryWarning(VERY_OLD, "date_of_birth")
    if _JOINED_NAMES.search(consumer.first_name):
        yield EntryWarning(SEVERAL_PEOPLE, "first_name", value=consumer.first_name)
    yield from _lookalikes(consumer)
    for number in consumer.phone_numbers:
        reading = phones.read(number)
        if not reading.e164:
            yield EntryWarning(PHONE_NOT_READ, "phone_numbers", value=number, reading=reading)


def _lookalikes(consumer: NewConsumer) -> Iterator[EntryWarning]:
    """Codes with letters that look Latin but are not. An identifier that is not Latin at all is fine."""
    if found := lookalikes(consumer.passport_number):
        yield EntryWarning(LOOKALIKES, "passport_number", value=consumer.passport_number, part=found)
    for identifier in consumer.identifiers:
        found = lookalikes(identifier.id)
        if found and any(character.isascii() and character.isalnum() for character in identifier.id):
            yield EntryWarning(LOOKALIKES, "identifiers", value=identifier.id, part=found)


def has_enough_identity(consumer: NewConsumer, providers: tuple[str, ...]) -> bool:
    """Whether an identity rule can match: by an identifier of a rule's provider or, by setting, an e-mail.

    Vendor: the provider is compared letter for letter. If no rules are stored here, any identifier counts.
    """
    if settings.EMAIL_IDENTIFIES and consumer.emails:
        return True
    return any(not providers or identifier.provider in providers for identifier in consumer.identifiers)


def _similar(one: NewConsumer, other: NewConsumer) -> bool:
    """Whether two consumers have the same passport number, a common identifier, or the same full name.

    Families share an e-mail address, a phone number and a last name.
    """
    matching = set(_matching_fields(one, other))
    return bool(matching & {"passport_number", "identifiers"}) or {"first_name", "last_name"} <= matching


# The comparison key of a field's value. Lists match if they share a key.
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
