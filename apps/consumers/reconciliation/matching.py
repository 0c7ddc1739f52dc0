"""Compare a consumer that was sent with one that the vendor has, field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.cdp.fields import FIELDS, Shape
from apps.core.text import same_key


def matches(sent: NewConsumer, found: OrderConsumer) -> bool:
    """Whether all fields are equal: every field that was sent is present, and no other.

    Identifiers are compared only if the answer has any (vendor: the documented answer has none). Differences
    that :func:`apps.core.text.same` ignores, the order of lists and the punctuation of phone numbers do not
    count: the vendor may change them.
    """
    names = [name for name in _COMPARABLE if name != "identifiers" or found.identifiers]
    return all({*comparable(name, sent)} == {*comparable(name, found)} for name in names)


def comparable(name: str, person: NewConsumer | OrderConsumer) -> list[object]:
    """The comparison keys of one field's values; empty if there is no value."""
    value = getattr(person, name)
    values = value if isinstance(value, tuple) else (value,)
    return [_COMPARABLE[name](one) for one in values if one]


def _digits(number: str) -> str:
    return "".join(character for character in number if character.isdigit()) or same_key(number)


def _exactly(value: object) -> object:
    return value


_COMPARABLE: dict[str, Callable[[Any], object]] = {
    **{field.name: same_key if field.shape in (Shape.TEXT, Shape.TEXTS) else _exactly for field in FIELDS},
    "phone_numbers": _digits,
}
