"""How alike the names of two people are: accents, transliteration, order, one letter, a part of a name."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from anyascii import anyascii
from rapidfuzz.distance import OSA

from apps.core.text import same_key, similar_key


class Alike(enum.IntEnum):
    """How alike two names are. A smaller value is closer."""

    SAME = 0
    """Equal but for encoding and typography."""
    SPELLING = 1
    """Equal without accents, hyphens and blanks, or in another script: Müller, Mueller; Юлия, Yuliya."""
    CLOSE = 2
    """One letter is wrong or two are exchanged, or two transliterations: Dmitry and Dmitrij."""
    PART = 3
    """One has words that the other lacks, or an initial: Anna and Anna Maria."""
    DIFFERENT = 4


SHORTEST_CLOSE = 4
"""Letters of the shorter name: Tim and Tom are two names."""
LONG = 7
"""Letters from which two wrong letters count as close: Mohammed and Muhammad."""
MOST_WORDS = 12
"""Words of a name whose initials are compared with words: comparing each with each takes quadratic time."""

_WORD = re.compile(r"[^\W_]+")
# Letters that a language replaces by two when it has no accents: German, Danish, Norwegian, Swedish.
_EXPANDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})
# Transliterations of one sound, longest first. Afterwards doubled letters count once.
_SOUNDS = (
    ("tsch", "ch"),
    ("sch", "sh"),
    ("kh", "h"),
    ("ph", "f"),
    ("th", "t"),
    ("ck", "k"),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("x", "ks"),
    ("w", "v"),
    ("y", "i"),
    ("j", "i"),
    ("q", "k"),
)
_DOUBLED = re.compile(r"(.)\1+")
_GENERATIONS = {
    **dict.fromkeys(("jr", "jnr", "junior", "ii", "2nd"), "2"),
    **dict.fromkeys(("sr", "snr", "senior"), "1"),
    **dict.fromkeys(("iii", "3rd"), "3"),
}


@dataclass(frozen=True, slots=True, repr=False)
class Name:
    """The forms of one name in which it is compared."""

    same: str
    similar: str
    letters: frozenset[str]
    """In Latin letters alone, with and without the letters that replace an accent."""
    words: tuple[str, ...]
    numbered_words: frozenset[tuple[str, int]]
    """Each word with the number of its occurrence: a set that includes another has all its words."""
    numbered_initials: frozenset[tuple[str, int]]
    """The initial of each word with the number of its occurrence."""
    has_initial: bool
    """Whether one of the words is an initial."""
    generation: str
    """The generation that the name states, such as Jr; ``letters`` and ``words`` leave it out."""
    sound: str
    """The words with one spelling for the transliterations of a sound."""

    def __repr__(self) -> str:
        return "Name(<personal data>)"


def name_of(text: str) -> Name:
    """The forms of a first or last name."""
    same = same_key(text)
    similar = similar_key(text)
    words, generation = _words(similar)
    letters = "".join(words)
    expanded = same.translate(_EXPANDED)
    other = "".join(_words(expanded)[0]) if expanded != same else letters
    return Name(
        same,
        similar,
        frozenset({letters, other}) - {""},
        words,
        _numbered(words),
        _numbered(word[0] for word in words),
        any(len(word) == 1 for word in words),
        generation,
        _sound(letters),
    )


def _numbered(texts: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Each text with the number of its occurrence: the first is 1."""
    count: Counter[str] = Counter()
    numbered = []
    for text in texts:
        count[text] += 1
        numbered.append((text, count[text]))
    return frozenset(numbered)


def _words(text: str) -> tuple[tuple[str, ...], str]:
    """The words of a name in Latin letters, without the generation, and the generation."""
    latin = text if text.isascii() else anyascii(text)
    words = _WORD.findall(latin.replace("'", "").lower())
    found = [word for word in words if word in _GENERATIONS]
    if not found or len(found) == len(words):
        return tuple(words), ""
    return tuple(word for word in words if word not in found), _GENERATIONS[found[0]]


def alike(one: Name, other: Name) -> Alike:
    """How alike two names are. A name that is missing is different from every name."""
    if not one.same or not other.same:
        return Alike.DIFFERENT
    if one.same == other.same:
        return Alike.SAME
    if one.similar == other.similar or one.letters & other.letters:
        return Alike.SPELLING
    if _is_close(one, other):
        return Alike.CLOSE
    return Alike.PART if _is_part(one, other) else Alike.DIFFERENT


def _is_close(one: Name, other: Name) -> bool:
    for mine in one.letters:
        for theirs in other.letters:
            if (
                min(len(mine), len(theirs)) >= SHORTEST_CLOSE
                and OSA.distance(mine, theirs, score_cutoff=1) <= 1
            ):
                return True
    shorter = min(len(one.sound), len(other.sound))
    if shorter < SHORTEST_CLOSE:
        return False
    limit = 2 if shorter >= LONG else 1
    return OSA.distance(one.sound, other.sound, score_cutoff=limit) <= limit


def _is_part(one: Name, other: Name) -> bool:
    """Whether every word of the shorter name is a word of the longer one, or the initial of one.

    In a name of more than ``MOST_WORDS`` words, only whole words count.
    """
    shorter, longer = (one, other) if len(one.words) <= len(other.words) else (other, one)
    if not shorter.numbered_initials <= longer.numbered_initials:  # nearly always
        return False
    if len(longer.words) > MOST_WORDS or not (one.has_initial or other.has_initial):
        return bool(shorter.words) and shorter.numbered_words <= longer.numbered_words
    rest = list(longer.words)
    for word in shorter.words:
        found = next((each for each in rest if _is_word_or_initial(each, word)), None)
        if found is None:
            return False
        rest.remove(found)
    return bool(shorter.words)


def _is_word_or_initial(one: str, other: str) -> bool:
    return one == other or (1 in (len(one), len(other)) and one[0] == other[0])


def _sound(letters: str) -> str:
    for written, sound in _SOUNDS:
        letters = letters.replace(written, sound)
    return _DOUBLED.sub(r"\1", letters)
