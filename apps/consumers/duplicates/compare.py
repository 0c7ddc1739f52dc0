"""Whether an entry and a consumer that is already on the order are the same person.

Agreement and disagreement both count. The rules, in the order in which they are applied (decision 138 has the
effect of each):

=========================  ==========================================================================
same identifier            a provider and id in common, unless the id is an e-mail address
same passport              the same number, unless it is a placeholder such as "TBA"
another generation         one name says Jr and the other does not: different, unless born the same day
another date of birth      different, even with the same name: father and son, namesakes
another document           different passports: different, unless name and date of birth are the same
same name                  first and last name, also without accents or in another script
exchanged names            the same words, with first and last name exchanged
wrong date of birth        the same name; day and month exchanged, or one digit wrong
another gender             a close first name with another gender: different (Jan and Jana)
close name                 one letter wrong, or another transliteration; born the same day
part of the name           Anna and Anna Maria; born the same day, or the same e-mail or phone
another last name          first name and date of birth, and an e-mail or phone in common
=========================  ==========================================================================

A last name, an e-mail address and a phone number in common are no evidence: families share them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from apps.cdp.fields import NAMES
from apps.consumers.duplicates.facts import Agreement, Facts, births, codes, have_conflict, sets
from apps.consumers.duplicates.names import Alike, alike


class Similarity(enum.StrEnum):
    """Whether two records are the same person."""

    EQUAL = "equal"
    """The same name, and nothing that both records have differs."""
    NEAR = "near"
    """Probably the same person: somebody has to look."""
    DIFFERENT = "different"


class Rule(enum.StrEnum):
    """The rule that decided. Those of similar consumers are stored in events."""

    SAME_IDENTIFIER = "same_identifier"
    SAME_PASSPORT = "same_passport"
    SAME_NAME = "same_name"
    EXCHANGED_NAMES = "exchanged_names"
    WRONG_BIRTH_DATE = "wrong_birth_date"
    CLOSE_NAME = "close_name"
    PART_OF_NAME = "part_of_name"
    OTHER_LAST_NAME = "other_last_name"
    # Different:
    OTHER_GENERATION = "other_generation"
    OTHER_BIRTH_DATE = "other_birth_date"
    OTHER_DOCUMENT = "other_document"
    OTHER_GENDER = "other_gender"
    NO_EVIDENCE = "no_evidence"


SIMILAR_RULES = (
    Rule.SAME_IDENTIFIER,
    Rule.SAME_PASSPORT,
    Rule.SAME_NAME,
    Rule.EXCHANGED_NAMES,
    Rule.WRONG_BIRTH_DATE,
    Rule.CLOSE_NAME,
    Rule.PART_OF_NAME,
    Rule.OTHER_LAST_NAME,
)
"""The rules that find the same person, equal or near."""


class Likeness(enum.StrEnum):
    """How one field of two records compares."""

    SAME = "same"
    SIMILAR = "similar"
    DIFFERENT = "different"
    MISSING = "missing"  # on one side


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison: the similarity, the rule that decided, and each field that either has.

    ``fields`` is empty for a different person.
    """

    similarity: Similarity
    rule: Rule
    fields: tuple[tuple[str, Likeness], ...] = ()

    @property
    def is_similar(self) -> bool:
        """Whether it is worth a warning."""
        return self.similarity is not Similarity.DIFFERENT

    def names_of(self, *likenesses: Likeness) -> tuple[str, ...]:
        """The fields with one of these likenesses, in the order of the form."""
        return tuple(name for name, found in self.fields if found in likenesses)


def decide(one: Facts, other: Facts) -> Comparison:
    """:func:`compare` without the fields, in a fraction of the time for similar people."""
    return Comparison(*_decide(one, other))


def compare(one: Facts, other: Facts) -> Comparison:
    """Compare two people. The result does not depend on which of them is the entry."""
    similarity, rule = _decide(one, other)
    if similarity is Similarity.DIFFERENT:
        return Comparison(similarity, rule)
    return Comparison(similarity, rule, tuple(_likenesses(one, other, rule)))


def _decide(one: Facts, other: Facts) -> tuple[Similarity, Rule]:
    born = births(one.person.date_of_birth, other.person.date_of_birth)
    document = codes(one.passport, other.passport)
    same_identifier = bool(one.identifiers & other.identifiers)
    if born is Agreement.DIFFERENT and document is not Agreement.SAME and not same_identifier:
        return Similarity.DIFFERENT, Rule.OTHER_BIRTH_DATE
    first, last = alike(one.first, other.first), alike(one.last, other.last)
    if same_identifier:
        rule = Rule.SAME_IDENTIFIER
    elif document is Agreement.SAME:
        rule = Rule.SAME_PASSPORT
    elif max(first, last) <= Alike.SPELLING:
        rule = _against_same_name(one, other, born, document) or Rule.SAME_NAME
    elif one.words == other.words and len(one.words) > 1:  # wherever these are
        rule = _against_same_name(one, other, born, document) or Rule.EXCHANGED_NAMES
    else:
        rule = _rule_for_other_names(one, other, (first, last), born, document)
    if rule not in SIMILAR_RULES:
        return Similarity.DIFFERENT, rule
    if first is last is Alike.SAME and _agrees(one, other, rule, born, document):
        return Similarity.EQUAL, rule
    return Similarity.NEAR, rule


def _against_same_name(one: Facts, other: Facts, born: Agreement, document: Agreement) -> Rule | None:
    """The rule for a date of birth, close but not the same, or a document that differs; None without one."""
    if born is Agreement.SAME:
        return None
    if one.generation != other.generation:
        return Rule.OTHER_GENERATION
    if document is Agreement.DIFFERENT:
        return Rule.OTHER_DOCUMENT
    return Rule.WRONG_BIRTH_DATE if born is Agreement.CLOSE else None


def _rule_for_other_names(
    one: Facts, other: Facts, names: tuple[Alike, Alike], born: Agreement, document: Agreement
) -> Rule:
    """The rule that decides on two people whose names are not the same. ``names``: first and last."""
    is_same_day = born is Agreement.SAME
    in_contact = bool(one.contacts & other.contacts)
    if born is Agreement.CLOSE:
        return Rule.OTHER_BIRTH_DATE
    if document is Agreement.DIFFERENT or have_conflict(one.identifiers, other.identifiers):
        return Rule.OTHER_DOCUMENT
    first, last = names
    if max(first, last) is Alike.DIFFERENT:
        crosswise = alike(one.first, other.last), alike(one.last, other.first)
        if is_same_day and max(crosswise) <= Alike.CLOSE:
            return Rule.EXCHANGED_NAMES
        same_first = first <= Alike.SPELLING and is_same_day and in_contact
        return Rule.OTHER_LAST_NAME if same_first else Rule.NO_EVIDENCE
    if Alike.PART in (first, last):
        if not is_same_day and one.generation != other.generation:
            return Rule.OTHER_GENERATION
        enough = is_same_day or (in_contact and Alike.CLOSE not in (first, last))
        return Rule.PART_OF_NAME if enough else Rule.NO_EVIDENCE
    if first is Alike.CLOSE and one.gender and other.gender and one.gender != other.gender:
        return Rule.OTHER_GENDER
    # Sisters have first names that differ by a letter; last names of one household do not.
    enough = is_same_day or (in_contact and first <= Alike.SPELLING)
    return Rule.CLOSE_NAME if enough else Rule.NO_EVIDENCE


def _agrees(one: Facts, other: Facts, rule: Rule, born: Agreement, document: Agreement) -> bool:
    """Whether something beside the name is the same, and nothing that both have differs.

    Title, gender, phone number, nationality and country are no evidence of one person, but may differ. A
    gender other than male and female states too little to differ.
    """
    identifiers, emails = sets(one.identifiers, other.identifiers), sets(one.emails, other.emails)
    agreements = {born, document, identifiers, emails}
    if Agreement.SAME not in agreements or agreements & {Agreement.CLOSE, Agreement.DIFFERENT}:
        return False
    fields = dict(_likenesses(one, other, rule))
    if not (one.gender and other.gender):
        fields.pop("gender", None)
    return not {*fields.values()} & {Likeness.SIMILAR, Likeness.DIFFERENT}


def _likenesses(one: Facts, other: Facts, rule: Rule) -> Iterator[tuple[str, Likeness]]:
    """Every field that either record has."""
    for name in NAMES:
        mine, theirs = getattr(one.person, name), getattr(other.person, name)
        if mine and theirs:
            yield name, _likeness(name, one, other, rule)
        elif mine or theirs:
            # The words of a name that one side lacks are in the other's first or last name.
            is_exchanged = rule is Rule.EXCHANGED_NAMES and name in ("first_name", "last_name")
            yield name, Likeness.SIMILAR if is_exchanged else Likeness.MISSING


def _likeness(name: str, one: Facts, other: Facts, rule: Rule) -> Likeness:
    match name:
        case "first_name" | "last_name":
            parts = (one.first, other.first) if name == "first_name" else (one.last, other.last)
            found = alike(*parts)
            if found is Alike.DIFFERENT and rule is not Rule.EXCHANGED_NAMES:
                return Likeness.DIFFERENT
            return Likeness.SAME if found is Alike.SAME else Likeness.SIMILAR
        case "date_of_birth":
            return _LIKENESSES[births(one.person.date_of_birth, other.person.date_of_birth)]
        case "passport_number":
            return _LIKENESSES[codes(one.texts[name], other.texts[name])]
        case "emails" | "phone_numbers" | "identifiers":
            return _LIKENESSES[sets(one.lists[name], other.lists[name])]
    return Likeness.SAME if one.texts[name] == other.texts[name] else Likeness.DIFFERENT


_LIKENESSES = {
    Agreement.SAME: Likeness.SAME,
    Agreement.CLOSE: Likeness.SIMILAR,
    Agreement.DIFFERENT: Likeness.DIFFERENT,
    Agreement.MISSING: Likeness.MISSING,
}
