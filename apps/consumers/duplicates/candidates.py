"""Which of many records may be similar to a record, without comparing it with each of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from apps.consumers.duplicates.facts import Facts
from apps.consumers.duplicates.names import Name

Key = TypeVar("Key", bound=Hashable)


class Candidates(Generic[Key]):
    """Records by what two similar ones have in common: each rule of ``compare`` needs one of these.

    Two records without any of them are different, whatever else they say.
    """

    def __init__(self) -> None:
        self._found: dict[Hashable, list[Key]] = {}

    def add(self, key: Key, facts: Facts) -> None:
        """Add a record under a key of the caller's."""
        for shared in _shared(facts):
            self._found.setdefault(shared, []).append(key)

    def of(self, facts: Facts) -> set[Key]:
        """The keys of the records that may be similar to this one; its own too, if it was added."""
        return {key for shared in _shared(facts) for key in self._found.get(shared, ())}


def _shared(facts: Facts) -> Iterator[Hashable]:
    """What a similar record has at least one of.

    The same identifier, passport number or name, the same words in the whole name, or the same date of birth.
    Every other rule needs an e-mail address or phone number in common, and with it either the same first
    name, or first and last names of which one is a part of the other.
    """
    for identifier in facts.identifiers:
        yield "identifier", identifier
    if facts.passport:
        yield "passport", facts.passport
    for first in _spellings(facts.first):
        for last in _spellings(facts.last):
            yield "name", first, last
    yield "words", tuple(sorted(facts.first.words + facts.last.words))
    if facts.person.date_of_birth is not None:
        yield "born", facts.person.date_of_birth
    for contact in facts.contacts:
        for first in _spellings(facts.first):
            yield "contact", contact, first
        for one in _initials(facts.first):
            for other in _initials(facts.last):
                yield "initials", contact, one, other


def _spellings(name: Name) -> frozenset[str]:
    """Two names that are alike up to their spelling share one of these."""
    return name.letters | {name.same, name.similar}


def _initials(name: Name) -> frozenset[str]:
    """Two names that are alike up to their spelling, or of which one is a part of the other, share one."""
    return frozenset(text[:1] for text in (name.similar, *name.letters, *name.words))
