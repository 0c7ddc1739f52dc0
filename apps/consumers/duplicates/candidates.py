"""Which of many records may be similar to a record, without comparing it with each of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from apps.consumers.duplicates.facts import Facts
from apps.consumers.duplicates.names import Name

Key = TypeVar("Key", bound=Hashable)


class Candidates(Generic[Key]):
    """Records by the values that similar records share: each rule of ``compare`` needs one of them.

    Two records that share none of them are different. A record is stored once for each of its contacts, and
    the names are compared then: a record with many contacts and initials would have a hundred thousand
    combinations of them.
    """

    def __init__(self) -> None:
        self._found: dict[Hashable, list[Key]] = {}
        self._in_contact: dict[str, list[Key]] = {}
        self._forms: dict[Key, _Forms] = {}

    def add(self, key: Key, facts: Facts) -> None:
        """Add a record under a key of the caller's."""
        forms = self._forms[key] = _Forms.of(facts)
        for shared in _shared(facts, forms):
            self._found.setdefault(shared, []).append(key)
        for contact in facts.contacts:
            self._in_contact.setdefault(contact, []).append(key)

    def of(self, facts: Facts) -> set[Key]:
        """The keys of the records that may be similar to this one; its own too, if it was added."""
        forms = _Forms.of(facts)
        found = {key for shared in _shared(facts, forms) for key in self._found.get(shared, ())}
        in_contact = set().union(*(self._in_contact.get(contact, ()) for contact in facts.contacts))
        found.update(key for key in in_contact - found if forms.may_be_of_one_person(self._forms[key]))
        return found


@dataclass(frozen=True, slots=True, repr=False)
class _Forms:
    """The spellings and initials of a record's names."""

    first: frozenset[str]
    last: frozenset[str]
    first_initials: frozenset[str]
    last_initials: frozenset[str]

    @classmethod
    def of(cls, facts: Facts) -> _Forms:
        first, last = facts.first, facts.last
        return cls(_spellings(first), _spellings(last), _initials(first), _initials(last))

    def may_be_of_one_person(self, other: _Forms) -> bool:
        """Whether two records with a contact in common may be similar.

        They have the same first name, or first and last names of which one is a part of the other.
        """
        if self.first_initials.isdisjoint(other.first_initials):  # nearly always
            return not self.first.isdisjoint(other.first)
        return not (self.last_initials.isdisjoint(other.last_initials) and self.first.isdisjoint(other.first))


def _shared(facts: Facts, forms: _Forms) -> Iterator[Hashable]:
    """What a similar record has at least one of.

    The same identifier, passport number or name, the same words in the whole name, or the same date of birth.
    Every other rule needs an e-mail address or phone number in common.
    """
    for identifier in facts.identifiers:
        yield "identifier", identifier
    if facts.passport:
        yield "passport", facts.passport
    for first in forms.first:
        for last in forms.last:
            yield "name", first, last
    yield "words", facts.words
    if facts.person.date_of_birth is not None:
        yield "born", facts.person.date_of_birth


def _spellings(name: Name) -> frozenset[str]:
    """Two names that are alike up to their spelling share one of these."""
    return name.letters | {name.same, name.similar}


def _initials(name: Name) -> frozenset[str]:
    """Two names that are alike up to their spelling, or of which one is a part of the other, share one."""
    return frozenset(text[:1] for text in (name.similar, *name.letters, *name.words))
