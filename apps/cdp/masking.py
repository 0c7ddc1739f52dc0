"""Masking of our credentials in the vendor's answers, before anything is stored, logged or shown.

The vendor's error messages are known to quote the client key (contract section 2). An answer can quote any
part of a request, in any of the usual encodings: percent-encoded, escaped for JSON or HTML, Base64 or
hexadecimal.
"""

from __future__ import annotations

import base64
import functools
import html
import itertools
import math
import re
from collections.abc import Callable, Iterator
from html.entities import html5
from typing import TypeVar
from urllib.parse import unquote

MASK = "****"
MIN_LENGTH = 6  # characters; shorter texts occur in ordinary words and references
_MAX_DECODINGS = 12  # how often a text may have been encoded repeatedly

T = TypeVar("T")

# Characters that are ignored between two characters of a secret: backslashes and invisible characters.
# Control characters and lone surrogates are removed before a text is stored. Characters above U+FFFF are
# ignored in secrets too, because JSON escapes them as two surrogates.
_IGNORED = (
    r"\\\x00-\x1f\x7f-\xa0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    r"\ud800-\udfff\U00010000-\U0010ffff"
)
_BETWEEN = f"[{_IGNORED}]*"
_IGNORED_ANYWHERE = re.compile(f"[{_IGNORED}]+")
# One backslash is enough, because others before it are ignored. A repetition here would need quadratic time.
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_HTML_LEADING_ZEROS = re.compile("(&#[xX]?)0+(?=[0-9a-fA-F])")
_HTML_NUMBER_TOO_LONG = re.compile("&#[0-9]{8,}")


class Secrets:
    """Finds and masks the credentials of this process in texts. `repr` does not show them."""

    def __init__(self, client_key: str, api_token: str) -> None:
        """Values shorter than `MIN_LENGTH` characters are not searched for."""
        whole = (client_key, api_token, f"{client_key}:{api_token}")
        self._texts = tuple(text for text in whole if len(_without_ignored(text)) >= MIN_LENGTH)
        self._coded = tuple(sorted({form for text in self._texts for form in _encoded_forms(text.encode())}))
        # A secret that looks encoded is decoded together with the text around it.
        decoded = {
            text
            for form in self._texts
            for text in _decodings(form)
            if len(_without_ignored(text)) >= MIN_LENGTH
        }
        self._normalised = tuple(
            sorted({_normalised(form) for form in (*self._texts, *self._coded, *decoded)})
        )

    def __repr__(self) -> str:
        return "Secrets(****)"

    def occur_in(self, text: str) -> bool:
        """Whether a text contains a secret in any encoding. Fast if it does not.

        The text must come from parsed JSON: in raw JSON a line break is a backslash and a letter.
        """
        if not self._normalised:
            return False
        steps = 0
        for decoded in _decodings(text):
            bare = _normalised(decoded)
            if any(form in bare for form in self._normalised):
                return True
            steps += 1
        return steps > _MAX_DECODINGS  # encoded too often: assume that it contains a secret

    def mask(self, text: str) -> str:
        """Replace each secret in a text by `MASK`; return only `MASK` if a secret would remain."""
        if not self.occur_in(text):
            return text
        masked = self._pattern.sub(MASK, text)
        return MASK if self.occur_in(masked) else masked

    def masked(self, value: T) -> T:
        """Mask every text in a JSON value, including names. Fast if there is nothing to mask.

        Raises `RecursionError` if a value that contains a secret is nested hundreds of levels deep.
        """
        return self._masked(value) if self.occur_in(" ".join(_texts_in(value))) else value

    def _masked(self, value: T) -> T:
        masked: object = value
        if isinstance(value, str):
            masked = self.mask(value)
        elif isinstance(value, list):
            masked = [self._masked(entry) for entry in value]
        elif isinstance(value, dict):
            masked = {self._masked(name): self._masked(inner) for name, inner in value.items()}
        return masked  # type: ignore[return-value]  # of the same type as the value

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = [(text, _any_encoding_pattern(text)) for text in self._texts]
        forms += [(form, _BETWEEN.join(map(_encoded_character_pattern, form))) for form in self._coded]
        longest_first = sorted(forms, key=lambda form: len(form[0]), reverse=True)
        # Most characters begin none of the forms: the look-ahead avoids trying each form.
        begins = "".join({re.escape(_without_ignored(form)[:1]) for form, _pattern in forms})
        alternatives = "|".join(pattern for _form, pattern in longest_first)
        return re.compile(f"(?=[{begins}%&ux+])(?:{alternatives})", re.IGNORECASE)


def _encoded_forms(content: bytes) -> Iterator[str]:
    """A value in hexadecimal and in Base64, also as part of a longer Base64 text."""
    yield content.hex()
    for skipped in range(3):
        # Inside a longer Base64 text the same bytes have three forms, depending on their offset. A character
        # stands for six bits: those at both ends that share bits with neighbouring bytes are omitted.
        coded = base64.b64encode(bytes(skipped) + content).decode()
        inner = coded[math.ceil(8 * skipped / 6) : 8 * (skipped + len(content)) // 6]
        if len(inner) >= MIN_LENGTH:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))


def _texts_in(value: object) -> Iterator[str]:
    """Every text in a JSON value, including names."""
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, list):
            waiting += entry
        elif isinstance(entry, dict):
            yield from entry
            waiting += entry.values()


def _any_encoding_pattern(text: str) -> str:
    """A pattern for a text in which each character may be encoded differently."""
    return _BETWEEN.join(map(_character_pattern, _without_ignored(text)))


def _without_ignored(text: str) -> str:
    """The text without ignored characters."""
    return _IGNORED_ANYWHERE.sub("", text)


def _normalised(text: str) -> str:
    """The form in which texts are compared: without ignored characters, in lower case, plus as blank."""
    return _without_ignored(text).lower().replace("+", " ")


def _encoded_character_pattern(character: str) -> str:
    return character if character.isalnum() else _character_pattern(character)


def _character_pattern(character: str) -> str:
    """A pattern for one character in any encoding: literal, percent, JSON or HTML."""
    number = ord(character)
    names = "|".join(re.escape(name.rstrip(";")) for name, value in html5.items() if value == character)
    forms = [
        re.escape(character),
        "".join(rf"%(?:25)*{byte:02x}" for byte in character.encode()),
        rf"(?<=\\)u{number:04x}",
        rf"&(?:amp;)*#(?:0*{number}|x0*{number:x});?",
    ]
    if number < 256:
        forms.append(rf"(?<=\\)x{number:02x}")
    if names:
        forms.append(f"&(?:amp;)*(?:{names});?")
    if character == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _decodings(text: str) -> Iterator[str]:
    """The text and the result of each repeated decoding, at most `_MAX_DECODINGS` of them.

    Every intermediate result matters, because the next step may decode a part of a secret.
    """
    yield text
    left, unchanged = _MAX_DECODINGS, 0
    steps: tuple[Callable[[str], str], ...] = (unquote, _html_unescape, _unescape)
    for decode in itertools.cycle(steps):
        decoded = decode(text)
        unchanged = unchanged + 1 if decoded == text else 0
        if unchanged == len(steps) or not left:
            return
        if decoded != text:
            left -= 1
            yield decoded
        text = decoded


def _html_unescape(text: str) -> str:
    """`html.unescape` without its `ValueError` for character references with thousands of digits."""
    return html.unescape(_HTML_NUMBER_TOO_LONG.sub("", _HTML_LEADING_ZEROS.sub(r"\1", text)))


def _unescape(text: str) -> str:
    """Decode numeric JSON escapes. Other escapes are not decoded, because backslashes are ignored."""
    return _JSON_ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
