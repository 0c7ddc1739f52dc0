"""Words for genders in the languages of lists.

A letter alone has several meanings: see ``batches.columns.genders``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from apps.core.text import same_key, similar_key

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "cs": ("muž muži mužské", "žena ženy ženské"),
    "da": ("mand mandlig", "kvinde kvindelig"),
    "de": ("männlich maennlich mann herr", "weiblich frau"),
    "en": ("man boy gentleman", "woman girl lady"),
    "es": ("masculino hombre varón", "femenino mujer"),
    "et": ("mees", "naine"),
    "fi": ("mies miespuolinen", "nainen naispuolinen"),
    "fr": ("masculin homme garçon", "féminin femme fille"),
    "hr": ("muško muški", "žensko ženski"),
    "hu": ("férfi", "nő"),
    "it": ("maschio maschile uomo", "femmina femminile donna"),
    "ja": ("男 男性 男子", "女 女性 女子"),
    "ko": ("남 남자 남성", "여 여자 여성"),
    "nl": ("mannelijk jongen", "vrouw vrouwelijk meisje"),
    "no": ("mannlig", "kvinne kvinnelig"),
    "pl": ("mężczyzna męska męski", "kobieta żeńska żeński"),
    "pt": ("homem", "feminino mulher"),
    "ro": ("bărbat bărbătesc", "femeie feminin"),
    "ru": ("мужской мужчина муж", "женский женщина жен"),
    "sv": ("manlig", "kvinna kvinnlig"),
    "tr": ("erkek bay", "kadın bayan kız"),
    "uk": ("чоловік чоловіча", "жінка жіноча"),
    "zh": ("男", "女"),
}
"""Words for male and for female by language. One that several languages have is given once."""
_UNKNOWN: Final = """
    unbekannt inconnu desconocido onbekend sconosciuto desconhecido bilinmiyor okänd ukjent neznámé 不明
"""
_NAMES: Final = """
    mann man mand herr frau boy girl lady bay kiz muz zena femme homme fille mies mees homem hombre varon uomo
    donna jongen masculin bayan
"""
_ALSO_NAMES: Final = frozenset(_NAMES.split())
"""Words that are also names, or parts of them: no evidence that a cell is a gender."""
_SHORT: Final = 3
"""Words up to this length are compared with their accents: "no" is not the Hungarian "nő"."""


def gender_of_word(text: str) -> str:
    """``male``, ``female`` or ``unknown`` for a word of one of the languages; empty for any other text."""
    found = _genders().get(same_key(text))
    return found or _genders_without_accents().get(similar_key(text), "")


def is_also_a_name(text: str) -> bool:
    """Whether a word for a gender may be somebody's name as well."""
    return similar_key(text) in _ALSO_NAMES


def languages_of_word(text: str) -> frozenset[str]:
    """The languages that have this word for a gender."""
    key = same_key(text)
    return frozenset(
        language
        for language, words in _WORDS.items()
        if any(key in map(same_key, one.split()) for one in words)
    )


@lru_cache(maxsize=1)
def _words_of_languages() -> dict[str, frozenset[str]]:
    return {
        language: frozenset(map(same_key, f"{male} {female}".split()))
        for language, (male, female) in _WORDS.items()
    }


@lru_cache(maxsize=1)
def _genders() -> dict[str, str]:
    found = {same_key(word): "unknown" for word in _UNKNOWN.split()}
    for male, female in _WORDS.values():
        found |= {same_key(word): "male" for word in male.split()}
        found |= {same_key(word): "female" for word in female.split()}
    return found


@lru_cache(maxsize=1)
def _genders_without_accents() -> dict[str, str]:
    return {similar_key(word): gender for word, gender in _genders().items() if len(word) > _SHORT}
