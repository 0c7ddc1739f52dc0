"""What a letter means in a column of genders: M is a man in most languages, and a woman (mujer) in Spanish.

A letter is read if all languages agree that the column may be written in: those of its header and of words in
it, otherwise those whose letters it has. One that they disagree about stays as typed, as an error of its row.
So does a letter that none of them has next to M and F.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apps.consumers.paste.gender_words import languages_of_word
from apps.consumers.paste.rows import header_key
from apps.core.text import same_key

_GENDER: Final = "gender"
Letters = Mapping[str, str]
"""``male`` or ``female`` by letter, in lower case. A letter that is not in it is left as typed."""
PLAIN: Final[Letters] = {"m": "male", "f": "female"}
"""What letters mean unless something speaks against it."""
_MARKS: Final = frozenset("xduo?-")
"""Signs for another or an unknown gender, unless the language has that letter for a gender."""
_PERHAPS_MARKS: Final = frozenset("n")
"""The letter for women in some languages, and "not given" in others: certain only in a known language."""


@dataclass(frozen=True, slots=True)
class _System:
    """The letters for men and women that are used in some languages."""

    languages: frozenset[str]
    male: str
    female: str

    def gender_of(self, letter: str) -> str:
        return "male" if letter in self.male else "female" if letter in self.female else ""


def _system(languages: str, male: str, female: str) -> _System:
    return _System(frozenset(languages.split()), male, female)


_SYSTEMS: Final = (
    _system("en fr it ro pt es de nl pl sv da no cs sk hr tr fi et lv hu ru uk", "m", "f"),
    _system("de en", "m", "w"),
    _system("fr", "h", "f"),
    _system("es pt", "h", "m"),  # hombre, mujer
    _system("es lt", "v", "m"),  # varon; vyras, moteris
    _system("nl", "m", "v"),
    _system("pl sv da no", "m", "k"),
    _system("cs sk hr", "m", "zž"),
    _system("tr", "e", "k"),
    _system("it", "u", "d"),
    _system("ro", "b", "f"),
    _system("lv", "v", "s"),
    _system("fi et", "m", "n"),
    _system("hu", "f", "n"),  # ferfi, no
    _system("ru", "м", "ж"),
    _system("uk", "ч", "ж"),
)
_LANGUAGES_OF_HEADERS: Final[Mapping[str, str]] = {
    "geschlecht": "de",
    "sexe": "fr",
    "genre": "fr",
    "sexo": "es pt",
    "genero": "es pt",
    "sesso": "it",
    "genere": "it",
    "geslacht": "nl",
    "cinsiyet": "tr",
    "cinsiyeti": "tr",
    "plec": "pl",
    "kjonn": "no",
    "kon": "da sv",
    "pohlavi": "cs",
    "pohlavie": "sk",
    "spol": "hr",
    "sukupuoli": "fi",
    "sugu": "et",
    "nem": "hu",
    "neme": "hu",
    "lytis": "lt",
    "dzimums": "lv",
    "пол": "ru",
    "стать": "uk",
}
"""The languages of headers by their key. "Sex" and "gender" are used everywhere."""


def letters_of(headers: Sequence[str], targets: Sequence[str], rows: Iterable[Sequence[str]]) -> Letters:
    """What the letters in the column of genders of a table mean, as far as that is certain.

    ``headers``: empty without any. ``rows``: the cells of all people.
    """
    if _GENDER not in targets:
        return PLAIN
    at = targets.index(_GENDER)
    header = header_key(headers[at]) if at < len(headers) else ""
    cells = Counter(same_key(row[at]) for row in rows if at < len(row))
    languages = frozenset(_LANGUAGES_OF_HEADERS.get(header, "").split()).union(*map(languages_of_word, cells))
    systems = [one for one in _SYSTEMS if not languages or one.languages & languages]
    letters = frozenset("".join(one.male + one.female for one in systems)).intersection(cells)
    if not languages:
        letters -= _MARKS
    certain = letters if languages else letters - _PERHAPS_MARKS
    fitting = [_with_letters(used, systems, is_known=bool(languages)) for used in {letters, certain}]
    if not any(fitting) and _are_plain(cells, certain, systems, is_known=bool(languages)):
        return PLAIN
    found = {}
    for letter in letters:
        genders = {system.gender_of(letter) for one in fitting for system in one}
        if len(genders) == 1 and "" not in genders:
            found[letter] = genders.pop()
    return found


def _with_letters(used: frozenset[str], systems: Sequence[_System], *, is_known: bool) -> Sequence[_System]:
    """The systems that have all of these letters; M and F are those of most languages if none is known.

    Without a known language, letters for one gender alone are not evidence for a single system: an S below
    "Gender" is rarely Latvian.
    """
    if not is_known and used <= PLAIN.keys():
        return systems[:1]
    found = [one for one in systems if used <= {*one.male, *one.female}]
    if not is_known and len(found) == 1 and len({*map(found[0].gender_of, used)}) == 1:
        return ()
    return found


def _are_plain(
    cells: Mapping[str, int], letters: frozenset[str], systems: Sequence[_System], *, is_known: bool
) -> bool:
    """Whether M and F are plain although no system has all letters: the others are mistakes.

    ``cells``: how often each occurs. A system that reads M or F otherwise speaks against it if its letters
    are among the others: always in a known language, otherwise if they are more frequent than M or F.
    """
    if not PLAIN.keys() <= letters:
        return False
    fewest = 0 if is_known else min(cells[letter] for letter in PLAIN)
    return not any(
        cells[letter] > fewest
        for one in systems
        if any(one.gender_of(plain) not in ("", gender) for plain, gender in PLAIN.items())
        for letter in letters - PLAIN.keys()
        if one.gender_of(letter)
    )
