"""Invisible characters in text, and comparison of texts that look the same or similar."""

from __future__ import annotations

import re
import unicodedata

# Characters without a visible form. General categories do not identify them: the Hangul fillers are letters
# and the variation selectors are marks. The list is the property Default_Ignorable_Code_Point with its
# reserved code points (Unicode 16.0, DerivedCoreProperties.txt), the blank braille pattern and the
# interlinear annotation characters.
INVISIBLE_RANGES = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # Hangul choseong and jungseong fillers
    (0x17B4, 0x17B5),  # Khmer inherent vowels
    (0x180B, 0x180F),  # Mongolian variation selectors and vowel separator
    (0x200B, 0x200F),  # zero width space, non-joiner, joiner, direction marks
    (0x202A, 0x202E),  # direction embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, direction isolates, deprecated format characters
    (0x2800, 0x2800),  # braille pattern blank
    (0x3164, 0x3164),  # Hangul filler
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # zero width no-break space, byte order mark
    (0xFFA0, 0xFFA0),  # half-width Hangul filler
    (0xFFF0, 0xFFFB),  # reserved; interlinear annotation
    (0x1BCA0, 0x1BCA3),  # shorthand format controls
    (0x1D173, 0x1D17A),  # musical format controls
    (0xE0000, 0xE0FFF),  # tags, supplementary variation selectors
)
ZERO_WIDTH_NON_JOINER, ZERO_WIDTH_JOINER = "\u200c", "\u200d"
MONGOLIAN_VOWEL_SEPARATOR = "\u180e"
_VIRAMA_CLASS = 9  # canonical combining class of the signs that join two consonants

_INVISIBLE = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in INVISIBLE_RANGES) + "]")
_MONGOLIAN_SELECTORS = frozenset("\u180b\u180c\u180d\u180f")
_SELECTORS = _MONGOLIAN_SELECTORS | {
    chr(code) for first, last in ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF)) for code in range(first, last + 1)
}
_SHAPERS = _SELECTORS | {ZERO_WIDTH_JOINER, ZERO_WIDTH_NON_JOINER, MONGOLIAN_VOWEL_SEPARATOR}
_NEVER_SHAPES = re.compile(f"(?![{''.join(sorted(_SHAPERS))}]){_INVISIBLE.pattern}")
_OTHER_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # category Zs
# Apostrophes as keyboards, word processors and transliterations write them.
_APOSTROPHES = dict.fromkeys(
    map(ord, "\u2018\u2019\u201b\u02bb\u02bc\u02bd\u2032\u0060\u00b4\u1fbd\u1fbf\u055a\ua78c"), "'"
)
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63"), "-")
_LIKE_HYPHENS = _HYPHENS | {0x2015: "-"}  # stored digests depend on the others
_WITHOUT_DECOMPOSITION = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i"})


def without_invisible(text: str, *, keep_joiners: bool = False) -> str:
    """Remove invisible characters from a text.

    ``keep_joiners`` is for names and prose, where some invisible characters change the shape of letters. It
    preserves:

    - the zero width joiner and non-joiner between letters (with their marks), and after a virama, as at the
      end of names in older Malayalam and Sinhala texts (RFC 5892, appendix A);
    - a variation selector after a base character, and a Mongolian one after a Mongolian letter;
    - the Mongolian vowel separator between Mongolian letters.
    """
    if not _INVISIBLE.search(text):
        return text
    if not keep_joiners:
        return _INVISIBLE.sub("", text)
    text = _NEVER_SHAPES.sub("", text)
    result: list[str] = []
    for index, character in enumerate(text):
        before = result[-1] if result else ""
        if character not in _SHAPERS or _changes_shape(before, character, text[index + 1 : index + 2]):
            result.append(character)
    return "".join(result)


def _changes_shape(before: str, character: str, after: str) -> bool:
    """Whether a character of ``_SHAPERS`` changes the shape of its neighbours ``before`` and ``after``."""
    if not before:
        return False
    if character in (ZERO_WIDTH_JOINER, ZERO_WIDTH_NON_JOINER):
        after_virama = unicodedata.combining(before) == _VIRAMA_CLASS
        return after_virama or (
            _is_letter_or_mark(before) and _is_letter_or_mark(after) and after not in _SHAPERS
        )
    if character == MONGOLIAN_VOWEL_SEPARATOR:
        behind_letter = _is_mongolian_letter(before) or before in _MONGOLIAN_SELECTORS
        return behind_letter and _is_mongolian_letter(after)
    if character in _MONGOLIAN_SELECTORS:
        return _is_mongolian_letter(before)
    return unicodedata.category(before)[0] in "LNPS"


def _is_letter_or_mark(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "LM"


def _is_mongolian_letter(character: str) -> bool:
    """Whether a character is a letter of the Mongolian block: Mongolian, Todo, Sibe, Manchu."""
    return "\u1820" <= character <= "\u18aa"


def with_plain_blanks(text: str) -> str:
    """Replace every other space character, such as a no-break space, by an ordinary space."""
    return _OTHER_BLANKS.sub(" ", text)


def lookalikes(text: str) -> str:
    """The characters of a text that look like ASCII but are not, each once, sorted.

    Greek and Cyrillic letters, full-width and other forms of ASCII characters, digits of other scripts, and
    other hyphens. Empty for a text with letters of a further script, such as a name. In a code such as a
    passport number they look like the ASCII characters, or mean the same, but do not match them.
    """
    if text.isascii():
        return ""
    found = {one for one in text if _may_stand_for_ascii(one)}
    others = {one for one in text if one.isalpha()} - found
    return "".join(sorted(found)) if all(map(_is_latin, others)) else ""


def has_ascii_letters_or_digits(text: str) -> bool:
    """Whether a text has letters that are ASCII or a form of it, such as full-width ones, or any digits."""
    forms = unicodedata.normalize("NFKC", text)
    return any(one.isdecimal() or (one.isascii() and one.isalpha()) for one in forms)


def _may_stand_for_ascii(character: str) -> bool:
    """Whether a character that is not ASCII looks like one that is, or is the same digit."""
    is_digit = character.isdecimal() and not character.isascii()
    return is_digit or _has_ascii_form(character) or _is_greek_or_cyrillic(character)


def _has_ascii_form(character: str) -> bool:
    """Whether a character that is not ASCII is a form of one visible ASCII character."""
    form = unicodedata.normalize("NFKC", character).translate(_LIKE_HYPHENS)
    return not character.isascii() and len(form) == 1 and "!" <= form <= "~"


def _is_greek_or_cyrillic(character: str) -> bool:
    return character.isalpha() and unicodedata.name(character, "").startswith(("GREEK ", "CYRILLIC "))


def same(one: str, other: str) -> bool:
    """Whether two texts differ only in encoding or typography. For comparison with answers of Sitecore CDP.

    Ignores composition, width, case, blanks, invisible characters and the kind of apostrophe.
    """
    return one == other or same_key(one) == same_key(other)


def same_key(text: str) -> str:
    """The key by which :func:`same` compares texts."""
    if text.isascii():  # most texts: the steps below only change its case, blanks and apostrophes
        return " ".join(text.lower().replace("`", "'").split())
    text = without_invisible(text).translate(_APOSTROPHES)  # before NFKC, which turns U+00B4 into an accent
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_APOSTROPHES).split())


def code_key(text: str) -> str:
    """The letters and digits of a code such as a passport number, without blanks and hyphens."""
    key = same_key(text)
    return "".join(character for character in key if character.isalnum()) or key


def similar_key(text: str) -> str:
    """The key that possible spellings of the same name have in common. For warnings and exact searches.

    Ignores what :func:`same` ignores, accents on Latin and Greek letters, and the kind of hyphen.
    """
    key = same_key(text)
    if key.isascii():
        return key
    bare: list[str] = []
    base = " "
    for character in unicodedata.normalize("NFD", key):
        if unicodedata.category(character) != "Mn":
            base = character
        elif _is_latin_or_greek(base):
            continue
        bare.append(character)
    return unicodedata.normalize("NFC", "".join(bare)).translate(_WITHOUT_DECOMPOSITION).translate(_HYPHENS)


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN ")


def _is_latin_or_greek(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("LATIN ", "GREEK "))
