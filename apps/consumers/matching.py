"""Is a consumer that the vendor has the one that was sent? Field by field, and never by half."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from apps.cdp.consumers import NewConsumer, OrderConsumer

_TEXTS = ("title", "first_name", "last_name", "gender", "nationality", "passport_number", "country")


def matches(sent: NewConsumer, found: OrderConsumer) -> bool:
    """Whether every field that was sent is there, and nothing that was not sent.

    Identifiers are compared where the answer has some; the vendor's documented one has none. Case, kinds of
    blanks and of the same letter, the order of lists and the punctuation of phone numbers do not count,
    because the vendor may write them in its own way.
    """
    return (
        all(_plain(getattr(sent, name)) == _plain(getattr(found, name)) for name in _TEXTS)
        and sent.date_of_birth == found.date_of_birth
        and _set(sent.emails) == _set(found.emails)
        and {_digits(number) for number in sent.phone_numbers}
        == {_digits(number) for number in found.phone_numbers}
        and (not found.identifiers or set(sent.identifiers) == set(found.identifiers))
    )


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _set(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_plain, texts))


def _digits(number: str) -> str:
    return "".join(sign for sign in number if sign.isdigit()) or _plain(number)
