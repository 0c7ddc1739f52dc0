"""Registry of event types: the values that an event can have, and the texts that pages show for it.

Each app defines its event types in its ``audit_events.py`` and registers them in ``AppConfig.ready()``. This
module contains the mechanism only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from django.db.models import TextChoices
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise

    Text = str | Promise

CODE = re.compile(r"[a-z0-9_.:-]{1,100}")


class ValueType(Enum):
    """Type of a key's value. ``None`` (not known) is always allowed.

    Only ``NAME`` and ``NAMES`` accept free text. No event type uses them for personal data of a consumer.
    """

    NUMBER = auto()  # an integer: a status, a count, milliseconds
    CODE = auto()  # a code of the portal, lower case: "timeout"
    CODES = auto()  # a list of such codes
    WORD = auto()  # a technical word in either case: "POST", "firstName", a UUID
    WORDS = auto()  # a list of such words
    NAME = auto()  # free text of at most 200 characters, such as the name of a rule
    NAMES = auto()  # a list of such texts


class EventOutcome(TextChoices):
    """Outcome of an event, which pages of the audit log show and filter by."""

    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    DENIED = "denied", _("Denied")
    BLOCKED = "blocked", _("Blocked")
    UNKNOWN = "unknown", _("Unknown")
    TO_BE_CHECKED = "to_be_checked", _("To be checked")


class EventGroup(TextChoices):
    """Group of event types, by which readers filter the log. It is not stored in events."""

    CHANGES = "changes", _("Changes")
    VIEWS = "views", _("Views")
    SIGN_INS = "sign-ins", _("Sign-ins")
    EXPORTS = "exports", _("Exports")
    SYSTEM = "system", _("System")  # what the portal does at regular times, or a person instead of it


@dataclass(frozen=True, slots=True)
class RecordPage:
    """The page of a kind of records. ``url_name``: of its address, whose argument is what an event names.

    ``permission``: whoever has it may open every such page.
    """

    url_name: str
    permission: str


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key of an event's data, and how pages show its values.

    ``labels``: the label of each code; a code without a label is shown unchanged. ``describe``: returns the
    label of codes that cannot be listed, such as ``http_599``, or None for any other code. ``record``: the
    kind of the records that its values name, if they have a page (:func:`register_page`). ``counted_by``: of
    a list that has only the first values, the key with the number of all.
    """

    name: str
    type: ValueType
    label: Text
    labels: Mapping[str, Text] = field(default_factory=dict)
    describe: Callable[[str], str | None] | None = None
    record: str = ""
    counted_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A value that events of a type change, with the keys that have it before and after."""

    label: Text
    before: Key
    after: Key


def change_of(name: str, type_: ValueType, label: Text, labels: Mapping[str, Text] | None = None) -> Change:
    """The change of a value, with keys ``<name>_before`` and ``<name>_after``; ``labels``: of its codes."""
    before, after = (
        Key(f"{name}_{when}", type_, format_lazy("{} ({})", label, text), labels or {})
        for when, text in (("before", _("before")), ("after", _("after")))
    )
    return Change(label, before, after)


@dataclass(frozen=True, slots=True, eq=False)
class EventType:
    """A type of event. Created by :meth:`AppEvents.define`; compared by identity.

    ``app``: the label of the app that defines it. ``name``: stored as ``action``. ``group``: the group that
    shows it. ``label``: its name on pages. ``sentence``: the text of an event, with ``%(key)s`` for its keys
    and :data:`SENTENCE_VALUES`. ``sentence_for``: returns another sentence for certain values of the
    keys, or None. ``changes``: the values that it changes; their keys are among ``keys``.
    ``sentence_by_portal``: instead of ``sentence`` if the portal recorded what a person did; may be empty.
    """

    app: str
    name: str
    group: EventGroup
    label: Text
    sentence: Text
    keys: Mapping[str, Key]
    outcome: EventOutcome
    sentence_for: Callable[[Mapping[str, Any]], Text | None] | None
    changes: tuple[Change, ...] = ()
    sentence_by_portal: Text = ""

    @property
    def failure(self) -> bool:
        """Whether "Only failures and denials" shows it."""
        return self.outcome is not EventOutcome.DONE


SENTENCE_VALUES: Final = ("actor", "action", "address", "order", "consumer", "submission", "username")
"""Values available to every sentence besides the event type's keys; ``username``: the event's person."""


class AppEvents:
    """The event types of one app, in the order of their definition."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.event_types: list[EventType] = []

    def define(
        self,
        name: str,
        *,
        group: EventGroup,
        label: Text,
        sentence: Text,
        sentence_by_portal: Text = "",
        keys: Iterable[Key] = (),
        outcome: EventOutcome = EventOutcome.DONE,
        sentence_for: Callable[[Mapping[str, Any]], Text | None] | None = None,
        changes: Iterable[Change] = (),
    ) -> EventType:
        """Define an event type. Events of it can be recorded after :func:`register`.

        Raises ``ValueError`` if a name is not a code, a key occurs twice, or label or sentence is empty.
        """
        changes = tuple(changes)
        keys = tuple(keys)
        of_changes = (key for change in changes for key in (change.before, change.after))
        keys += tuple(key for key in of_changes if key not in keys)
        by_name = {key.name: key for key in keys}
        if not all(CODE.fullmatch(code) for code in (name, *by_name)):
            raise ValueError(f"The event type {name} or one of its keys is not written as a code")
        if len(by_name) != len(keys):
            raise ValueError(f"The event type {name} has a key twice")
        if not (str(label) and str(sentence)):
            raise ValueError(f"The event type {name} has no label or no sentence")
        made = EventType(
            app=self.app,
            name=name,
            group=group,
            label=label,
            sentence=sentence,
            keys=MappingProxyType(by_name),
            outcome=outcome,
            sentence_for=sentence_for,
            changes=changes,
            sentence_by_portal=sentence_by_portal,
        )
        self.event_types.append(made)
        return made


_registered: dict[str, EventType] = {}
_role_labels: dict[str, Text] = {}
_pages: dict[str, RecordPage] = {}


def register(events: AppEvents) -> None:
    """Register the event types of an app. Raises ``ValueError`` if a name is already registered."""
    for event_type in events.event_types:
        if event_type.name in _registered:
            raise ValueError(f"The event type {event_type.name} is defined twice")
        _registered[event_type.name] = event_type


def register_role_labels(labels: Mapping[str, Text]) -> None:
    """Set the labels for the actor's roles in events."""
    _role_labels.update(labels)


def register_page(record: str, page: RecordPage) -> None:
    """Set the page of the records of a kind."""
    _pages[record] = page


def page_of(action: str, key: str) -> RecordPage | None:
    """The page of the record that a value of an event names; None if it has none."""
    event_type = _registered.get(action)
    known = event_type.keys.get(key) if event_type else None
    return _pages.get(known.record) if known is not None and known.record else None


def event_types() -> tuple[EventType, ...]:
    """All registered event types."""
    return tuple(_registered.values())


def find_event_type(name: str) -> EventType | None:
    """The event type with this name; None if it is from another version of the portal."""
    return _registered.get(name)


def role_label(role: str) -> str:
    """The label of a role; the role itself if no label is registered."""
    return str(_role_labels.get(role, role))


def outcome_of(name: str, *, failure: bool) -> EventOutcome:
    """The outcome of a stored event with this action and this value of the column ``failure``."""
    event_type = _registered.get(name)
    if event_type is not None and event_type.outcome not in (EventOutcome.DONE, EventOutcome.FAILED):
        return event_type.outcome
    return EventOutcome.FAILED if failure else EventOutcome.DONE
