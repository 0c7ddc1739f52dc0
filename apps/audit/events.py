"""One event, as a value that cannot carry more than its action declares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeGuard

from apps.audit.actions import ACTIONS, CODE, Action, Kind
from apps.core.actor import Actor

MAX_TEXT = 200
"""Characters in a reference, a name or an address."""
MAX_ITEMS = 50
"""Entries of a list."""
MAX_ROLES = 10

REFERENCE = re.compile(r"[^\s@\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""A reference that people can type: a blank or an @ says that it was a name or an e-mail address instead.
Forms and addresses that take a reference refuse everything else."""

VENDOR_REFERENCE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""A reference that comes out of the vendor's answer: whatever ``apps.cdp`` lets through. A created consumer
must not go unrecorded over the spelling of its reference."""

WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# PostgreSQL refuses NUL, UTF-8 has no lone surrogates, and the rest forges lines in a terminal.
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
    """The event says something that its action does not declare. The text names keys, never values."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that somebody did, or that happened. Raises :class:`EventError` when made with more.

    ``submission`` and ``order_ref`` are empty or match :data:`REFERENCE`, ``consumer_ref`` and ``guest_ref``
    :data:`VENDOR_REFERENCE`. ``person`` is the id of the account that the event is about. ``data`` holds keys
    of the action, each of its kind.
    """

    action: Action
    actor: Actor
    submission: str = ""
    order_ref: str = ""
    consumer_ref: str = ""
    guest_ref: str = ""
    person: str = ""
    data: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if ACTIONS.get(self.action.name) is not self.action:
            raise EventError("The action is not one of apps.audit.actions")
        for name, pattern in _REFERENCES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or (value and not pattern.fullmatch(value)):
                raise EventError(f"{self.action.name}: {name} is not a reference")
        _check_actor(self.actor)
        for key, value in self.data.items():
            if key not in self.action.keys:
                raise EventError(f"{self.action.name} does not declare the key {str(key)[:50]!r}")
            if not _fits(value, self.action.keys[key]):
                raise EventError(f"{self.action.name}: {key} is not a {self.action.keys[key].name}")
        # A copy, so that nobody changes an event after it was checked.
        object.__setattr__(self, "data", MappingProxyType({key: _kept(it) for key, it in self.data.items()}))


def storable(text: str) -> str:
    """Text that people or their programs chose, fit to be stored: cut, unprintable characters replaced.

    It is mended, not refused: an odd header or name must not be able to keep a denial out of the log.
    """
    return _UNSTORABLE.sub("?", text[:MAX_TEXT])


def _check_actor(actor: Actor) -> None:
    if actor.id and not REFERENCE.fullmatch(actor.id):
        raise EventError("The actor's id is not a reference")
    if len(actor.roles) > MAX_ROLES or not all(CODE.fullmatch(role) for role in actor.roles):
        raise EventError("The actor's roles are not codes")


def _fits(value: Value, kind: Kind) -> bool:
    if value is None:
        return True
    match kind:
        case Kind.NUMBER:
            # Whole numbers that every JSON reader keeps exact (RFC 8259, section 6).
            return type(value) is int and abs(value) < 2**53
        case Kind.CODE:
            return isinstance(value, str) and CODE.fullmatch(value) is not None
        case Kind.WORD:
            return isinstance(value, str) and WORD.fullmatch(value) is not None
        case Kind.NAME:
            return isinstance(value, str) and len(value) <= MAX_TEXT
        case Kind.CODES:
            return _is_list(value) and all(_fits(item, Kind.CODE) for item in value)
        case Kind.WORDS:
            return _is_list(value) and all(_fits(item, Kind.WORD) for item in value)


def _is_list(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, (list, tuple)) and len(value) <= MAX_ITEMS


def _kept(value: Value) -> Value:
    if isinstance(value, str):
        return storable(value)
    return list(value) if _is_list(value) else value
