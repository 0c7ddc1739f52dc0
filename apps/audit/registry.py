"""The event types of the audit log: what an event may carry, and the texts that pages show for it.

Each app defines its event types in its ``audit_events.py`` and registers them in ``AppConfig.ready()``. This
module holds the mechanism and no event type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise

    Text = str | Promise

CODE = re.compile(r"[a-z0-9_.:-]{1,100}")


class ValueType(Enum):
    """What a key of an event may hold. ``None`` ("not known") is allowed for each.

    None of them has room for what was typed about a consumer.
    """

    NUMBER = auto()  # a whole number: a status, a count, milliseconds
    CODE = auto()  # a code of ours, lower case: "timeout"
    CODES = auto()  # a list of such codes
    WORD = auto()  # a technical word in either case: "POST", "firstName", a UUID
    WORDS = auto()  # a list of such words
    NAME = auto()  # free text of at most 200 characters, such as the name of a rule; never about consumers


class EventOutcome(TextChoices):
    """How an act ended, as the pages of the audit log show it and filter by it."""

    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    DENIED = "denied", _("Denied")
    BLOCKED = "blocked", _("Blocked")
    UNKNOWN = "unknown", _("Unknown")
    TO_BE_CHECKED = "to_be_checked", _("To be checked")


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One value that an event may carry, and how pages show it.

    ``labels``: the text of each code; a code without a label is shown as it is. ``describe``: the text of
    codes that no table can list, such as ``http_599``; it returns None for a code that it does not know.
    """

    name: str
    type: ValueType
    label: Text
    labels: Mapping[str, Text] = field(default_factory=dict)
    describe: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EventType:
    """What an event may carry, and how pages show it. Made by :meth:`AppEvents.define`; compared by identity.

    ``app``: the label of the app that defines it. ``name``: what the log stores as ``action``. ``label``:
    what pages call it. ``sentence``: what happened, with ``%(key)s`` for any of its keys and of
    :data:`SENTENCE_VALUES`. ``sentence_for``: returns another sentence for some values of the keys, or None.
    ``outcome``: how such an act ended.
    """

    app: str
    name: str
    label: Text
    sentence: Text
    keys: Mapping[str, Key]
    outcome: EventOutcome
    sentence_for: Callable[[Mapping[str, Any]], Text | None] | None

    @property
    def failure(self) -> bool:
        """Whether "Only failures and denials" shows it."""
        return self.outcome is not EventOutcome.DONE


SENTENCE_VALUES: Final = ("actor", "action", "address", "order", "consumer", "submission", "username")
"""What a sentence may name beside the keys of its event type; ``username``: the account it is about."""


class AppEvents:
    """The event types of one app, in the order of their definition."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.event_types: list[EventType] = []

    def define(
        self,
        name: str,
        *,
        label: Text,
        sentence: Text,
        keys: Iterable[Key] = (),
        outcome: EventOutcome = EventOutcome.DONE,
        sentence_for: Callable[[Mapping[str, Any]], Text | None] | None = None,
    ) -> EventType:
        """Define an event type. It can be recorded once :func:`register` has been called.

        Raises ``ValueError`` for a name that is not written as a code, a key that occurs twice, and an event
        type without a label or a sentence.
        """
        keys = tuple(keys)
        by_name = {key.name: key for key in keys}
        if not all(CODE.fullmatch(code) for code in (name, *by_name)):
            raise ValueError(f"The event type {name} or one of its keys is not written as a code")
        if len(by_name) != len(keys):
            raise ValueError(f"The event type {name} has a key twice")
        if not (str(label) and str(sentence)):
            raise ValueError(f"The event type {name} has no label or no sentence")
        made = EventType(self.app, name, label, sentence, MappingProxyType(by_name), outcome, sentence_for)
        self.event_types.append(made)
        return made


_registered: dict[str, EventType] = {}
_role_labels: dict[str, Text] = {}


def register(events: AppEvents) -> None:
    """Make the event types of an app known. Raises ``ValueError`` for a name that is known already."""
    for event_type in events.event_types:
        if event_type.name in _registered:
            raise ValueError(f"The event type {event_type.name} is defined twice")
        _registered[event_type.name] = event_type


def register_role_labels(labels: Mapping[str, Text]) -> None:
    """Set how pages show the roles that each event stores of its actor."""
    _role_labels.update(labels)


def event_types() -> tuple[EventType, ...]:
    """Every registered event type."""
    return tuple(_registered.values())


def find_event_type(name: str) -> EventType | None:
    """The event type of this name; None for a name of another version of the portal."""
    return _registered.get(name)


def role_label(role: str) -> str:
    """What a role is called; the role itself where no label is registered."""
    return str(_role_labels.get(role, role))


def outcome_of(name: str, *, failure: bool) -> EventOutcome:
    """The outcome of a stored event with this name and this column ``failure``."""
    event_type = _registered.get(name)
    if event_type is not None and event_type.outcome not in (EventOutcome.DONE, EventOutcome.FAILED):
        return event_type.outcome
    return EventOutcome.FAILED if failure else EventOutcome.DONE
