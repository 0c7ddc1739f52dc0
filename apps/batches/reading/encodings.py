"""The encoding of a text file: found by its first bytes, otherwise by its letters.

charset-normalizer alone takes short lists of names for other languages: a German one in Windows-1252 for
Central European, a French one for Czech (tried). So the likely encodings are compared by the letters of the
languages that are written in them, and it is asked only about the others.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from charset_normalizer import from_bytes

from apps.batches.reading.table import Finding, FindingCode, NotReadable, TableFault

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN: Final = (
    "äöüß",  # German
    "éèêëàâçîïôûùœæ",  # French
    "áéíóúñü",  # Spanish
    "áàâãçéêíóôõú",  # Portuguese
    "àèéìòù",  # Italian
    "æøåäöé",  # Danish, Norwegian, Swedish, Finnish
)
_TURKISH: Final = ("çğıöşüâîİ",)
_CENTRAL: Final = (
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíľĺňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "čćđšž",  # Croatian
    "ăâîşţșț",  # Romanian
)
_BALTIC: Final = (
    "ąčęėįšųūž",  # Lithuanian
    "āčēģīķļņšūž",  # Latvian
    "äöüõšž",  # Estonian
)
_CYRILLIC: Final = ("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ",)
_GREEK: Final = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",)
# The first one counts where several are equally likely.
_SINGLE_BYTE: Final = (
    ("cp1252", _WESTERN),
    ("cp1254", _TURKISH),
    ("cp1250", _CENTRAL),
    ("cp1251", _CYRILLIC),
    ("cp1253", _GREEK),
    ("cp1257", _BALTIC),
    ("cp850", _WESTERN),
    ("mac_roman", _WESTERN),
    ("cp857", _TURKISH),
    ("cp852", _CENTRAL),
    ("cp866", _CYRILLIC),
)
_PUNCTUATION: Final = frozenset("’‘“”„«»–—…·•€£§°ºª\xa0´№")
_KANA_OR_WIDE: Final = re.compile("[\u3000-\u30ff\uff01-\uff5e]")
_HALF_WIDTH_KANA: Final = re.compile("[\uff61-\uff9f]")

# The usual characters of each encoding by the first of their bytes; the rest of its table is rare.
_MULTI_BYTE: Final[tuple[tuple[str, Callable[[str, bytes], bool]], ...]] = (
    ("cp932", lambda text, coded: bool(_KANA_OR_WIDE.match(text)) or 0x88 <= coded[0] <= 0x98),
    ("cp949", lambda text, _coded: "가" <= text <= "힣"),
    ("euc_jp", lambda text, coded: bool(_KANA_OR_WIDE.match(text)) or 0xB0 <= coded[0] <= 0xCF),
    ("gb18030", lambda _text, coded: len(coded) == 2 and 0xB0 <= coded[0] <= 0xD7 and coded[1] >= 0xA1),
    ("big5", lambda _text, coded: len(coded) == 2 and 0xA4 <= coded[0] <= 0xC6),
)
_SURE: Final = 0.7
"""The share of usual letters from which an encoding is taken for the right one."""
_TIE: Final = 0.05
"""Two encodings whose shares differ by no more are equally likely."""
_SAMPLE: Final = 20_000
"""Bytes of the lines that are compared; no encoding here has a line feed inside a character."""


def decoded(content: bytes) -> tuple[str, Finding | None]:
    """The text of a file, and a finding if its encoding was found by its letters.

    Raises :class:`NotReadable` with ``ENCODING_UNKNOWN`` if no encoding fits.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content.removeprefix(mark) if encoding == "utf-8" else content, encoding), None
    if encoding := _utf_16_without_mark(content):
        return _strictly(content, encoding), Finding(FindingCode.ENCODING_GUESSED, detail=encoding)
    try:
        return content.decode(), None
    except UnicodeDecodeError:
        encoding = _likely_encoding(content)
        return _strictly(content, encoding), Finding(FindingCode.ENCODING_GUESSED, detail=encoding)


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise NotReadable(TableFault.ENCODING_UNKNOWN) from None


def _utf_16_without_mark(content: bytes) -> str:
    """UTF-16 if nearly every other byte is NUL, as in a text of mostly Latin letters; otherwise empty."""
    sample = content[:4_000]
    half = len(sample) // 2
    if half < 4 or len(content) % 2:
        return ""
    for encoding, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        if sample[start::2].count(0) > 0.7 * half and sample[1 - start :: 2].count(0) == 0:
            return encoding
    return ""


class _Fit(NamedTuple):
    """How well an encoding fits. ``in_one_language``: whether one of its languages has all letters."""

    encoding: str
    share: float
    in_one_language: bool = False


def _is_as_likely(other: _Fit, best: _Fit, sample: bytes) -> bool:
    """Whether another encoding would make other names of the file that are as likely.

    ``Mu\xf1oz`` is Muñoz, or Muńoz in Central European. Not if only the best one reads one language.
    """
    if other.share < best.share - _TIE or (best.in_one_language and not other.in_one_language):
        return False
    texts = (sample.decode(fit.encoding, errors="replace") for fit in (other, best))
    return next(texts) != next(texts)


def _likely_encoding(content: bytes) -> str:
    if _is_mixed_utf_8(content):
        raise NotReadable(TableFault.ENCODING_UNKNOWN)
    sample = _sample(content)
    single = [
        _single_byte_fit(sample, name, languages)
        for name, languages in _SINGLE_BYTE
        if _is_decodable(content, name)
    ]
    multi = [
        _Fit(name, _multi_byte_share(sample, name, is_usual))
        for name, is_usual in _MULTI_BYTE
        if _is_decodable(content, name)
    ]
    # The first of equal ones.
    best = max([*single, *multi], key=lambda fit: fit.share, default=_Fit("", 0.0))
    if best.share >= _SURE:
        if best in single and any(_is_as_likely(other, best, sample) for other in single):
            raise NotReadable(TableFault.ENCODING_UNKNOWN)
        return best.encoding
    guess = from_bytes(content[:200_000], threshold=0.1).best()
    if guess is None or guess.chaos > 0:
        raise NotReadable(TableFault.ENCODING_UNKNOWN)
    return guess.encoding


def _sample(content: bytes) -> bytes:
    """The first lines with bytes beyond ASCII, about ``_SAMPLE`` bytes of them."""
    lines, length = [], 0
    for line in io.BytesIO(content):
        if line.isascii():
            continue
        lines.append(line)
        length += len(line)
        if length >= _SAMPLE:
            break
    return b"".join(lines)[: 2 * _SAMPLE]


def _is_decodable(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_mixed_utf_8(content: bytes) -> bool:
    """Whether most of what is not ASCII is UTF-8, but not all: another encoding would garble that."""
    text = content.decode("utf-8", errors="replace")
    read = sum(ord(character) > 127 for character in text)
    broken = text.count("\ufffd")
    return read > 2 * broken


def _single_byte_fit(sample: bytes, encoding: str, languages: tuple[str, ...]) -> _Fit:
    """The share of the characters beyond ASCII that the languages use; more if one of them has them all."""
    text = sample.decode(encoding, errors="replace")
    special = re.findall(r"[^\x00-\x7f]", text)
    if not special:
        return _Fit(encoding, 0.0)
    known = [
        character.lower() if len(character.lower()) == 1 else character
        for character in special
        if character not in _PUNCTUATION
    ]
    plain = len(special) - len(known)
    shares = [sum(character in language for character in known) for language in languages]
    any_language = frozenset("".join(languages))
    together = sum(character in any_language for character in known)
    share = (plain + 0.6 * together + 0.4 * max(shares)) / len(special)
    misplaced = _misplaced(text)
    in_one_language = not misplaced and max(shares) == len(known)
    return _Fit(encoding, share * (1 - min(1.0, misplaced / len(special))), in_one_language)


def _misplaced(text: str) -> int:
    """How many letters have the wrong case or place, signs touch words, and letters of two scripts meet."""
    letters = sum(map(_misplaced_letters, re.findall(r"[^\W\d_]+", text)))
    signs = len(re.findall(r"(?<=[A-Za-z])(?![’´])[^\w\x00-\x7f](?=[A-Za-z])", text))
    # "Mª" and "Nº" are words, "£ukasz" and "Mureº" are not.
    signs += len(re.findall(r"[£§ªº•€°…](?=[^\W\d_ªº])|(?<=[^\W\d_]{2})[£§ªº€°]", text))
    mixed = len(re.findall(r"(?<=[A-Za-z])[\u0370-\u04ff]|[\u0370-\u04ff](?=[A-Za-z])", text))
    return letters + signs + mixed


def _misplaced_letters(word: str) -> int:
    """How many letters beyond ASCII are out of place, as the capital in MŘller."""
    if word.isascii():
        return 0
    inner = [(at, letter) for at, letter in enumerate(word) if at and letter > "\x7f"]
    # Once for the word: a file may be one word of as many letters as it has bytes.
    capitals = 0 if word.isupper() else sum(letter.isupper() for _at, letter in inner)
    small = sum(
        letter.islower() and word[at - 1].isupper() and word[at + 1 : at + 2].isupper()
        for at, letter in inner
    )
    sharp = sum(letter == "ß" and word[at - 1].lower() not in "aeiouyäöü" for at, letter in inner)
    return capitals + small + sharp


def _multi_byte_share(sample: bytes, encoding: str, is_usual: Callable[[str, bytes], bool]) -> float:
    """The share of the characters beyond ASCII that are usual and not inside a word of Latin letters."""
    text = sample.decode(encoding, errors="ignore")
    usual = 0.0
    for character in re.findall(r"(?<![A-Za-z])[^\x00-\x7f]", text):
        if _HALF_WIDTH_KANA.match(character):
            usual += 0.5 if encoding == "cp932" else 0
        else:
            usual += is_usual(character, character.encode(encoding))
    return usual / max(1, len(re.findall(r"[^\x00-\x7f]", text)))
