"""An audit event as a value, validated against its event type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeGuard

from apps.audit.registry import CODE, EventType, ValueType, find_event_type
from apps.core.actor import Actor

MAX_TEXT = 200
"""Maximum characters of a reference, a name or an address."""
MAX_NUMBER = 2**53 - 1
"""The largest integer that every JSON parser reads exactly (RFC 8259, section 6)."""
MAX_ITEMS = 50
"""Maximum entries of a list."""
MAX_ROLES = 10

REFERENCE = re.compile(r"[^\s@\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""A reference that people can type. A blank or an @ indicates a name or an e-mail address instead.
Forms and URLs that accept a reference reject everything else."""

VENDOR_REFERENCE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""A reference from the vendor's answer: anything that ``apps.cdp`` accepts. An unusual reference must not
prevent the creation of a consumer from being recorded."""

WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# PostgreSQL rejects NUL, UTF-8 has no lone surrogates, and control characters can forge lines in a terminal.
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_REFERENCES = {
    "submission": REFERENCE,
    "order_ref": REFERENCE,
    "consumer_ref": VENDOR_REFERENCE,
    "guest_ref": VENDOR_REFERENCE,
    "person": REFERENCE,
}

Value = str | int | None | Sequence[str]


class EventError(ValueError):
    """The event has a value that its event type does not declare. The message names keys, never values."""


def nearest_number(value: int) -> int:
    """The value, or the nearest number that an event can contain: an altered row may have a larger one."""
    return max(-MAX_NUMBER, min(value, MAX_NUMBER))


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event. Raises :class:`EventError` for a value that the event type does not declare.

    ``submission`` and ``order_ref`` are empty or match :data:`REFERENCE`, ``consumer_ref`` and ``guest_ref``
    :data:`VENDOR_REFERENCE`. ``person`` is the id of the account that the event is about. ``data`` has keys
    of the event type, each with a value of its :class:`ValueType`.
    """

    type: EventType
    actor: Actor
    submission: str = ""
    order_ref: str = ""
    consumer_ref: str = ""
    guest_ref: str = ""
    person: str = ""
    data: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if find_event_type(self.type.name) is not self.type:
            raise EventError(f"The event type {self.type.name} is not registered")
        for name, pattern in _REFERENCES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or (value and not pattern.fullmatch(value)):
                raise EventError(f"{self.type.name}: {name} is not a reference")
        _check_actor(self.actor)
        for key, value in self.data.items():
            declared = self.type.keys.get(key)
            if declared is None:
                raise EventError(f"{self.type.name} does not declare the key {str(key)[:50]!r}")
            if not _fits(value, declared.type):
                raise EventError(f"{self.type.name}: {key} is not a {declared.type.name}")
        # A copy, so that an event cannot be changed after the check.
        object.__setattr__(
            self, "data", MappingProxyType({key: _stored(it) for key, it in self.data.items()})
        )


def storable(text: str) -> str:
    """Text from a user or client, cut to :data:`MAX_TEXT` and with unprintable characters replaced.

    It is repaired, not rejected: an unusual header or name must not prevent a denial from being recorded.
    """
    return _UNSTORABLE.sub("?", text[:MAX_TEXT])


def _check_actor(actor: Actor) -> None:
    if actor.id and not REFERENCE.fullmatch(actor.id):
        raise EventError("The actor's id is not a reference")
    if actor.session and not REFERENCE.fullmatch(actor.session):
        raise EventError("The actor's session is not a reference")
    if len(actor.roles) > MAX_ROLES or not all(CODE.fullmatch(role) for role in actor.roles):
        raise EventError("The actor's roles are not codes")


def _fits(value: Value, type_: ValueType) -> bool:
    if value is None:
        return True
    match type_:
        case ValueType.NUMBER:
            return type(value) is int and abs(value) <= MAX_NUMBER
        case ValueType.CODE:
            return isinstance(value, str) and CODE.fullmatch(value) is not None
        case ValueType.WORD:
            return isinstance(value, str) and WORD.fullmatch(value) is not None
        case ValueType.NAME:
            return isinstance(value, str) and len(value) <= MAX_TEXT
        case ValueType.CODES:
            return _is_list(value) and all(_fits(item, ValueType.CODE) for item in value)
        case ValueType.WORDS:
            return _is_list(value) and all(_fits(item, ValueType.WORD) for item in value)
        case ValueType.NAMES:
            return _is_list(value) and all(_fits(item, ValueType.NAME) for item in value)


def _is_list(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, (list, tuple)) and len(value) <= MAX_ITEMS


def _stored(value: Value) -> Value:
    if isinstance(value, str):
        return storable(value)
    return [storable(item) for item in value] if _is_list(value) else value
