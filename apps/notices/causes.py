"""The mechanism of causes: what a cause of notices is, and the registry.

The causes themselves read several apps, so ``consumerportal/notice_causes.py`` defines and registers them.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db.models import Choices

if TYPE_CHECKING:
    from django.utils.functional import Promise

    Text = str | Promise

KEY = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
"""What a key looks like. It refuses spaces, letters with accents, and signs such as @ and +."""
PATH = re.compile(r"/[A-Za-z0-9_./-]{0,150}(\?[a-z_]{1,20}=[a-z_]{1,20}(&[a-z_]{1,20}=[a-z_]{1,20})?)?")
"""A page of the portal, with at most two filters that have codes as their values."""

Fact = int | uuid.UUID | StrEnum | Choices
"""A number, a reference of the portal, or one of several codes. Never a text, which could be a name."""
StoredFact = str | int


@dataclass(frozen=True, slots=True)
class Found:
    """A cause that exists now, or a momentary one.

    ``key``: what it is about; with the cause it is the identity, so the same key is one cause. It is made of
    references, codes and numbers, and not sent. ``facts``: the values of the sentence. ``path``: the page of
    the portal that shows more. ``at``: when it began, if known; otherwise when it is found. Raises
    ``ValueError`` for anything that could be personal data.
    """

    key: str
    path: str
    at: dt.datetime | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        typed = all(isinstance(one, int | uuid.UUID | StrEnum | Choices) for one in self.facts.values())
        if not (typed and KEY.fullmatch(self.key) and PATH.fullmatch(self.path)):
            raise ValueError("A notice contains references, codes and numbers only")

    @property
    def stored_facts(self) -> dict[str, StoredFact]:
        """The facts as they are stored and sent."""
        return {name: one if isinstance(one, int) else str(one) for name, one in self.facts.items()}


@dataclass(frozen=True, slots=True)
class Search:
    """What a cause's ``find`` knows. ``since``: momentary causes before it are not reported.

    ``open_keys``: the keys of this cause's open notices.
    """

    since: dt.datetime
    open_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Cause:
    """A kind of cause.

    ``code``: stored, and named in NOTICE_CAUSES. ``label``: the subject of the mail. ``sentence``: the text,
    with ``%(key)s`` for its facts. ``sentence_for``: returns another sentence for certain facts, or None.
    ``find``: returns what exists now. ``momentary``: it ends as it begins, such as a sign-in; otherwise it
    ends when ``find`` has not returned it for ``ends_after``.
    """

    code: str
    label: Text
    sentence: Text
    find: Callable[[Search], Iterable[Found]]
    sentence_for: Callable[[Mapping[str, StoredFact]], Text | None] | None = None
    momentary: bool = False
    ends_after: dt.timedelta = dt.timedelta()

    def text(self, facts: Mapping[str, StoredFact]) -> str:
        """The sentence with these facts."""
        special = self.sentence_for(facts) if self.sentence_for else None
        return str(special or self.sentence) % facts


_registered: dict[str, Cause] = {}


def register(causes: Iterable[Cause]) -> None:
    """Register causes. Raises ``ValueError`` if a code is already registered."""
    for cause in causes:
        if cause.code in _registered:
            raise ValueError(f"The cause {cause.code} is defined twice")
        _registered[cause.code] = cause


def registered() -> tuple[Cause, ...]:
    """Every cause, in the order of registration."""
    return tuple(_registered.values())


def find_cause(code: str) -> Cause | None:
    """The cause with this code; None if it is from another version of the portal."""
    return _registered.get(code)
