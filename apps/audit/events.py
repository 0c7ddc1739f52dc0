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
"""What the log takes for a reference. Forms and views that accept a reference refuse everything else:
blanks and @ are signs that somebody typed a name or an e-mail address into the wrong field."""

WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_UNSTORABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
)  # PostgreSQL refuses NUL, UTF-8 lone surrogates

Value = str | int | None | Sequence[str]


class EventError(ValueError):
    """The event says something that its action does not declare. The text names keys, never values."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that somebody did, or that happened. Raises :class:`EventError` when made with more.

    References and ``submission`` are empty or match :data:`REFERENCE`; ``person`` is the id of the account
    that the event is about; ``data`` holds keys of the action, each of its kind.
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
        for name in ("submission", "order_ref", "consumer_ref", "guest_ref", "person"):
            value = getattr(self, name)
            if not isinstance(value, str) or (value and not REFERENCE.fullmatch(value)):
                raise EventError(f"{self.action.name}: {name} is not a reference")
        _check_actor(self.actor)
        for key, value in self.data.items():
            if key not in self.action.keys:
                raise EventError(f"{self.action.name} does not declare the key {str(key)[:50]!r}")
            if not _fits(value, self.action.keys[key]):
                raise EventError(f"{self.action.name}: {key} is not a {self.action.keys[key].name}")
        # A copy, so that nobody changes an event after it was checked.
        copy = {key: list(value) if _is_list(value) else value for key, value in self.data.items()}
        object.__setattr__(self, "data", MappingProxyType(copy))


def origin_text(value: str) -> str | None:
    """Text that came with a request, fit to be stored: cut, unprintable characters replaced; None for "".

    It is mended, not refused: an odd header must not be able to keep a denial out of the log.
    """
    return _UNSTORABLE.sub("?", value[:MAX_TEXT]) or None


def _check_actor(actor: Actor) -> None:
    if (actor.id and not REFERENCE.fullmatch(actor.id)) or not _is_name(actor.name):
        raise EventError("The actor's id or name is too long or cannot be stored")
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
            return isinstance(value, str) and _is_name(value)
        case Kind.CODES:
            return _is_list(value) and all(_fits(item, Kind.CODE) for item in value)
        case Kind.WORDS:
            return _is_list(value) and all(_fits(item, Kind.WORD) for item in value)


def _is_list(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, (list, tuple)) and len(value) <= MAX_ITEMS


def _is_name(value: str) -> bool:
    return len(value) <= MAX_TEXT and not _UNSTORABLE.search(value)
