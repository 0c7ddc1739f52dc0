"""The values of a record in the form in which they are compared, and whether values of two records agree."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import OSA

from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.fields import Shape, names_of
from apps.consumers.duplicates.names import Name, name_of
from apps.core.text import code_key, same_key

Person = NewConsumer | OrderConsumer

_TEXTS = names_of(Shape.TEXT)
_PHONE_DIGITS = 9  # the end of a number, equal with and without the country's code


class Agreement(enum.Enum):
    """Whether two records agree in one kind of value."""

    SAME = enum.auto()
    CLOSE = enum.auto()  # may be a typing error
    DIFFERENT = enum.auto()
    MISSING = enum.auto()


@dataclass(frozen=True, repr=False)
class Facts:
    """The values of a record in the form in which they are compared. Each is computed when it is needed."""

    person: Person

    def __repr__(self) -> str:
        return "Facts(<personal data>)"

    @cached_property
    def first(self) -> Name:
        return name_of(self.person.first_name)

    @cached_property
    def last(self) -> Name:
        return name_of(self.person.last_name)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of first and last name in their alphabetical order."""
        return tuple(sorted(self.first.words + self.last.words))

    @property
    def generation(self) -> str:
        """The generation that the name states, such as Jr; empty without one."""
        return self.first.generation or self.last.generation

    @property
    def gender(self) -> str:
        """Male or female; empty for everything else."""
        return self.person.gender if self.person.gender in ("male", "female") else ""

    @cached_property
    def passport(self) -> str:
        """The letters and digits of the passport number; empty for a placeholder."""
        passport = code_key(self.person.passport_number)
        return "" if _is_placeholder(passport) else passport

    @cached_property
    def identifiers(self) -> frozenset[Identifier]:
        """The identifiers that identify one person: an e-mail address may belong to a family."""
        return frozenset(one for one in self.person.identifiers if "@" not in one.id)

    @cached_property
    def emails(self) -> frozenset[str]:
        """The e-mail addresses, with those that are identifiers."""
        shared = (one.id for one in self.person.identifiers if "@" in one.id)
        return frozenset(map(same_key, (*self.person.emails, *shared)))

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The fields with one text, in the form in which they are compared."""
        found = {name: same_key(getattr(self.person, name)) for name in _TEXTS}
        return {**found, "passport_number": code_key(self.person.passport_number)}

    @cached_property
    def lists(self) -> Mapping[str, frozenset[object]]:
        """The fields with several values, in the form in which these are compared."""
        return {
            "emails": frozenset(map(same_key, self.person.emails)),
            "phone_numbers": self._phone_keys,
            "identifiers": frozenset(self.person.identifiers),
        }

    @cached_property
    def _phone_keys(self) -> frozenset[str]:
        return frozenset(map(_phone_key, self.person.phone_numbers))

    @cached_property
    def contacts(self) -> frozenset[str]:
        """The e-mail addresses and phone numbers."""
        return (self.emails | self._phone_keys) - {""}


def births(one: dt.date | None, other: dt.date | None) -> Agreement:
    """Compare two dates of birth. Close: day and month are exchanged, or one digit is wrong."""
    if one is None or other is None:
        return Agreement.MISSING
    if one == other:
        return Agreement.SAME
    exchanged = (one.year, one.month, one.day) == (other.year, other.day, other.month)
    one_digit = OSA.distance(_digits(one), _digits(other), score_cutoff=1) <= 1
    return Agreement.CLOSE if exchanged or one_digit else Agreement.DIFFERENT


def _digits(date: dt.date) -> str:
    return date.isoformat().replace("-", "")


def codes(one: str, other: str) -> Agreement:
    """Compare two passport numbers. Close: one character is wrong, or two are exchanged."""
    if not one or not other:
        return Agreement.MISSING
    if one == other:
        return Agreement.SAME
    return Agreement.CLOSE if OSA.distance(one, other, score_cutoff=1) <= 1 else Agreement.DIFFERENT


def sets(one: frozenset[object], other: frozenset[object]) -> Agreement:
    """Compare two lists: they agree if they share a value."""
    if not one or not other:
        return Agreement.MISSING
    return Agreement.DIFFERENT if one.isdisjoint(other) else Agreement.SAME


def have_conflict(one: frozenset[Identifier], other: frozenset[Identifier]) -> bool:
    """Whether a provider has given two ids. Vendor: identifiers are compared letter for letter."""
    return bool({each.provider for each in one} & {each.provider for each in other}) and not one & other


def _is_placeholder(passport: str) -> bool:
    """Whether a number stands for a missing one: TBA, N/A, 000000."""
    return len(set(passport)) <= 2 or not any(character.isdigit() for character in passport)


def _phone_key(number: str) -> str:
    """The digits of a phone number, the same with and without the country's code."""
    digits = "".join(character for character in number if character.isdigit())
    return digits[-_PHONE_DIGITS:] if len(digits) > _PHONE_DIGITS else digits
