"""Warnings: reasons to stop once before sending. An entry without a reason is not interrupted."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from django.conf import settings

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.records import Order
from apps.consumers import phones, selectors
from apps.consumers.duplicates.compare import Likeness
from apps.consumers.models import Submission
from apps.consumers.sending.order_comparison import EntryOnOrder, OrderComparison, Similar
from apps.core import clock
from apps.core.encryption import keyed_digests
from apps.core.references import reference_key
from apps.core.text import has_ascii_letters_or_digits, lookalikes

SIMILAR = "similar_consumer"
NOT_COMPARED = "earlier_not_readable"
NO_IDENTITY = "no_matching_identity"
VERY_OLD = "born_over_120_years_ago"
PHONE_NOT_READ = "phone_number_not_read"
SEVERAL_PEOPLE = "several_people_in_a_name"
LOOKALIKES = "lookalike_letters"
CANCELLED = "cancelled_order"
OLDEST_YEARS = 120
NAMED = 10
"""How many similar consumers of each kind are named: those of submissions, and those that only the vendor
has. An order may have hundreds without names."""
_JOINED_NAMES = re.compile(r"[&+/;]|\band\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class EntryWarning:
    """One warning, and the field that it is about.

    ``similar``: the similar consumer; ``submission``: its submission, if it has one. ``value``: the value
    concerned, as it will be sent, or the key of a cancelled order; ``part``: the unusual part of the value,
    or the status of the order. ``reading``: why a phone number was not read.
    """

    code: str
    field: str
    submission: Submission | None = None
    similar: Similar | None = None
    value: str = ""
    part: str = ""
    reading: phones.PhoneReading | None = None

    def __repr__(self) -> str:
        return f"EntryWarning({self.code}, <personal data>)"

    @property
    def consumer(self) -> Submission | OrderConsumer | None:
        """The consumer that the entry was compared with: of a submission, or one that only the vendor has."""
        if self.similar is None:  # such as one that cannot be read
            return None
        other = self.similar.other
        return self.submission or (other if isinstance(other, OrderConsumer) else None)

    @property
    def key(self) -> str:
        """The key that Create anyway confirms, without personal data. Another warning has another key."""
        return self._keys()[0]

    def is_confirmed(self, accepted: frozenset[str]) -> bool:
        """Whether one of these keys confirms this warning. It may have been made under another digest key."""
        return not accepted.isdisjoint(self._keys())

    def _keys(self) -> list[str]:
        if self.similar is not None:
            return [similar_key(_similar_id(self.similar), self.similar.comparison.rule)]
        if self.submission is not None:
            return [f"{self.code}:{self.submission.public_id}"]
        if not self.value:
            return [self.code]
        digests = keyed_digests(self.code, self.field, self.value, self.part)
        return [f"{self.code}:{digest.hex()[:16]}" for digest in digests]


def similar_key(consumer: str, rule: str) -> str:
    """The key of the warning about a similar consumer.

    ``consumer``: the id of its submission, or the key of its reference. ``rule``: that of the comparison.
    """
    return f"{SIMILAR}:{consumer}:{rule}"


def consumer_of_key(key: str) -> str:
    """The consumer that a key from :func:`similar_key` names; empty for any other key."""
    code, _colon, rest = key.partition(":")
    return rest.partition(":")[0] if code == SIMILAR else ""


def _similar_id(similar: Similar) -> str:
    if similar.submission is not None:
        return str(similar.submission.public_id)
    return reference_key(similar.other.ref) if isinstance(similar.other, OrderConsumer) else ""


def named_and_counted(
    warnings: Iterable[EntryWarning], accepted: frozenset[str] = frozenset()
) -> tuple[list[EntryWarning], list[list[EntryWarning]]]:
    """The warnings to name, in their order, and those about further similar consumers, which are counted.

    Of each kind of similar consumer (see :data:`NAMED`) those that no key in ``accepted`` confirms are named
    first. The second value has a list for each kind with further ones.
    """
    warnings = list(warnings)
    similar: dict[bool, list[EntryWarning]] = {True: [], False: []}
    for warning in warnings:
        if warning.code == SIMILAR:
            similar[warning.submission is not None].append(warning)
    sorted_kinds = [sorted(one, key=lambda each: each.is_confirmed(accepted)) for one in similar.values()]
    more = [one[NAMED:] for one in sorted_kinds if len(one) > NAMED]
    counted = {warning.key for one in more for warning in one}
    named = [one for one in warnings if one.code != SIMILAR or one.key not in counted]
    return named, more


def find_warnings(
    order_ref: str,
    consumer: NewConsumer,
    *,
    compared: OrderComparison | None = None,
    order: Order | None = None,
    providers: tuple[str, ...] | None = None,
) -> tuple[EntryWarning, ...]:
    """All warnings about sending this consumer to this order.

    ``compared``: the comparison with the consumers on the order; by default with the portal's submissions.
    ``order``: the order, if the portal has just read it. ``providers``: those of the identity rules, if they
    were read already.
    """
    if compared is None:
        compared = EntryOnOrder(order_ref, consumer).compare()
    warnings = _warnings(consumer, compared, selectors.providers() if providers is None else providers)
    return (*order_warnings(order_ref, order), *warnings)


def order_warnings(order_ref: str, order: Order | None) -> tuple[EntryWarning, ...]:
    """The warnings about the order itself, if the portal has just read it."""
    if not is_cancelled(order):
        return ()
    return (EntryWarning(CANCELLED, "order_ref", value=reference_key(order_ref), part=order.status),)


def is_cancelled(order: Order | None) -> TypeGuard[Order]:
    """Whether the order has one of the statuses in CANCELLED_STATUSES, in any case."""
    return order is not None and order.status.casefold() in map(str.casefold, settings.CANCELLED_STATUSES)


def _warnings(
    consumer: NewConsumer, compared: OrderComparison, providers: tuple[str, ...]
) -> Iterator[EntryWarning]:
    for similar in compared.similar:
        alike = similar.comparison.names_of(Likeness.SAME, Likeness.SIMILAR)
        yield EntryWarning(SIMILAR, alike[0], similar.submission, similar=similar)
    for submission in compared.unreadable:
        yield EntryWarning(NOT_COMPARED, "order_ref", submission)
    if not has_enough_identity(consumer, providers):
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
    """Codes with characters that look like ASCII but are not. An identifier without any ASCII is fine."""
    if found := lookalikes(consumer.passport_number):
        yield EntryWarning(LOOKALIKES, "passport_number", value=consumer.passport_number, part=found)
    for identifier in consumer.identifiers:
        found = lookalikes(identifier.id)
        if found and has_ascii_letters_or_digits(identifier.id):
            yield EntryWarning(LOOKALIKES, "identifiers", value=identifier.id, part=found)


def has_enough_identity(consumer: NewConsumer, providers: tuple[str, ...]) -> bool:
    """Whether an identity rule can match: by an identifier of a rule's provider or, by setting, an e-mail.

    Vendor: the provider is compared letter for letter. If no rules are stored here, any identifier counts.
    """
    if settings.EMAIL_IDENTIFIES and consumer.emails:
        return True
    return any(not providers or identifier.provider in providers for identifier in consumer.identifiers)


def _years_since(born: datetime.date) -> int:
    today = clock.now().date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
