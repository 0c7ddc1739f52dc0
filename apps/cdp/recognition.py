"""Checks that the answer to a create is about the consumer that was sent. Only contradictions count."""

from __future__ import annotations

from collections.abc import Iterable

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.errors import CdpAnotherRecord, ErrorCode
from apps.cdp.masking import MASK
from apps.core.references import reference_key
from apps.core.text import similar_key

# Parts of names that many people share.
_PARTICLES = frozenset({
    "van", "von", "de", "da", "di", "du", "del", "der", "den", "la", "le", "bin", "ibn", "al", "el", "of",
    "and", "y", "e", "ten", "ter", "zu", "af", "av", "dos", "das", "do", "los", "las", "des", "vom", "zum",
    "zur", "dela", "bint", "abu",
})  # fmt: skip


def check_answer(order_ref: str, sent: NewConsumer, answered: OrderConsumer) -> None:
    """Raise `CdpAnotherRecord` if a create was answered with the order itself or with another person."""
    if reference_key(answered.ref) == reference_key(order_ref):
        raise CdpAnotherRecord(ErrorCode.ORDER_REFERENCE)
    if _is_another_person(sent, answered):
        raise CdpAnotherRecord(ErrorCode.ANOTHER_PERSON)


def may_be_a_relative(sent: NewConsumer, answered: OrderConsumer) -> bool:
    """Whether both sides have e-mail addresses and a passport number, and both differ.

    Relatives share a name, so a common name does not prove the same person. But the vendor may have newer
    data of the same person, so a supervisor has to decide.
    """
    pairs = (
        (_comparison_keys(sent.emails), _comparison_keys(answered.emails)),
        (_comparison_keys([sent.passport_number]), _comparison_keys([answered.passport_number])),
    )
    return all(one and other and one.isdisjoint(other) for one, other in pairs)


def _is_another_person(sent: NewConsumer, answered: OrderConsumer) -> bool:
    """Whether name, e-mail addresses and passport number all differ, as far as both sides have them.

    A name differs only if no word of it is equal, because the vendor may normalise names. Initials and
    particles do not count, unless one of the names has nothing else.
    """
    names = (
        _name_words(sent.first_name, sent.last_name),
        _name_words(answered.first_name, answered.last_name),
    )
    telling = (_telling_words(names[0]), _telling_words(names[1]))
    pairs = (
        telling if all(telling) else names,
        (_comparison_keys(sent.emails), _comparison_keys(answered.emails)),
        (_comparison_keys([sent.passport_number]), _comparison_keys([answered.passport_number])),
    )
    comparable = [(one, other) for one, other in pairs if one and other]
    return bool(comparable) and all(one.isdisjoint(other) for one, other in comparable)


def _name_words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in _comparison_keys(texts) for word in text.split())


def _telling_words(words: frozenset[str]) -> frozenset[str]:
    """The words without particles and initials. Scripts without case have whole names of one character."""
    initials = {word for word in words if len(word.rstrip(".")) < 2 and word != word.upper()}
    return words - _PARTICLES - initials


def _comparison_keys(texts: Iterable[str]) -> frozenset[str]:
    """The comparison keys of the texts, without empty texts and texts with masked parts."""
    return frozenset(key for key in map(similar_key, texts) if key and MASK not in key)
