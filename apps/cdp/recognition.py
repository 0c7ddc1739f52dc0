"""Is the answer to a create about the consumer that was sent? Only what denies it for certain counts."""

from __future__ import annotations

from collections.abc import Iterable

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.errors import CdpAnotherRecord, ErrorCode
from apps.cdp.masking import MASK
from apps.core.references import reference_key
from apps.core.text import similar_key


def check_answer(order_ref: str, sent: NewConsumer, answered: OrderConsumer) -> None:
    """Raise `CdpAnotherRecord` where a create was answered with the order itself or with another person."""
    if reference_key(answered.ref) == reference_key(order_ref):
        raise CdpAnotherRecord(ErrorCode.ORDER_REFERENCE)
    if _is_another_person(sent, answered):
        raise CdpAnotherRecord(ErrorCode.ANOTHER_PERSON)


def may_be_a_relative(sent: NewConsumer, answered: OrderConsumer) -> bool:
    """Whether e-mail addresses and passport number are there on both sides, and both differ.

    A family shares its name, so a name in common does not make it the same person. But the vendor may have
    newer data of the same person: somebody has to look at it.
    """
    pairs = (
        (_plain(sent.emails), _plain(answered.emails)),
        (_plain([sent.passport_number]), _plain([answered.passport_number])),
    )
    return all(one and other and one.isdisjoint(other) for one, other in pairs)


def _is_another_person(sent: NewConsumer, answered: OrderConsumer) -> bool:
    """Whether name, e-mail addresses and passport number, as far as both sides have them, all differ.

    The vendor may write each of them in its own way, so one word of the name in common is enough.
    """
    pairs = (
        (_words(sent.first_name, sent.last_name), _words(answered.first_name, answered.last_name)),
        (_plain(sent.emails), _plain(answered.emails)),
        (_plain([sent.passport_number]), _plain([answered.passport_number])),
    )
    comparable = [(one, other) for one, other in pairs if one and other]
    return bool(comparable) and all(one.isdisjoint(other) for one, other in comparable)


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in _plain(texts) for word in text.split())


def _plain(texts: Iterable[str]) -> frozenset[str]:
    """The texts as they are compared; none for empty ones, or where something had to be masked."""
    return frozenset(key for key in map(similar_key, texts) if key and MASK not in key)
