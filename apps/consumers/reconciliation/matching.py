"""Is a consumer that the vendor has the one that was sent? Field by field, and never by half."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.core.text import same_key

_TEXTS = ("title", "first_name", "last_name", "gender", "nationality", "passport_number", "country")


def matches(sent: NewConsumer, found: OrderConsumer) -> bool:
    """Whether every field that was sent is there, and nothing that was not sent.

    Identifiers are compared where the answer has some; the vendor's documented one has none. What
    :func:`apps.core.text.same` takes for one text, the order of lists and the punctuation of phone numbers do
    not count, because the vendor may write them in its own way.
    """
    names = [name for name in _COMPARABLE if name != "identifiers" or found.identifiers]
    return all({*comparable(name, sent)} == {*comparable(name, found)} for name in names)


def comparable(name: str, person: NewConsumer | OrderConsumer) -> list[object]:
    """The values of one field, each as it is compared; empty where there is none."""
    value = getattr(person, name)
    values = value if isinstance(value, tuple) else (value,)
    return [_COMPARABLE[name](one) for one in values if one]


def _digits(number: str) -> str:
    return "".join(character for character in number if character.isdigit()) or same_key(number)


def _exactly(value: object) -> object:
    return value


_COMPARABLE: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(_TEXTS, same_key),
    "date_of_birth": _exactly,
    "emails": same_key,
    "phone_numbers": _digits,
    "identifiers": _exactly,
}
