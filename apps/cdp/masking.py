"""Our own credentials in what the vendor answers: masked before anything is stored, logged or shown.

The vendor's error messages are known to quote the client key (contract section 2). An answer can quote any
part of a request, in any of the usual encodings: percent-encoded, escaped as in JSON or HTML, in Base64 or
hexadecimal.
"""

from __future__ import annotations

import base64
import functools
import html
import re
from collections.abc import Iterator
from html.entities import html5
from typing import TypeVar
from urllib.parse import unquote

MASK = "****"
SHORTEST = 6  # characters; a shorter text occurs in ordinary words and references
_DEPTH = 4  # times that a text may have been encoded over itself

T = TypeVar("T")

# What can stand between two characters without being seen, and is dropped before a text is shown.
_UNSEEN = "[\\x00-\\x1f\\x7f-\\xa0\\u00ad\\u200b-\\u200f\\u2060\\ufeff]*"
_UNSEEN_ANYWHERE = re.compile(_UNSEEN.removesuffix("*") + "+")
_JSON_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([^ux]))")


class Secrets:
    """The credentials of this process, to be found and masked in texts. Masked in `repr`."""

    def __init__(self, client_key: str, api_token: str) -> None:
        """Values shorter than `SHORTEST` characters are not looked for."""
        whole = (client_key, api_token, f"{client_key}:{api_token}")
        self._texts = tuple(text for text in whole if len(text) >= SHORTEST)
        self._coded = tuple(sorted({form for text in self._texts for form in _coded(text.encode())}))
        self._lower = tuple(form.lower() for form in (*self._texts, *self._coded))

    def __repr__(self) -> str:
        return "Secrets(****)"

    def occur_in(self, text: str) -> bool:
        """Whether a text holds one of them in any encoding. Quick where it does not."""
        for _ in range(_DEPTH):
            plain = (_UNSEEN_ANYWHERE.sub("", text) if _UNSEEN_ANYWHERE.search(text) else text).lower()
            if any(form in plain for form in self._lower):
                return True
            decoded = _JSON_ESCAPE.sub(_unescaped, html.unescape(unquote(text)))
            if decoded == text:
                return False
            text = decoded
        return True  # encoded over itself more often than anybody does: look closely

    def mask(self, text: str) -> str:
        """The text with each of them replaced by `MASK`."""
        return self._pattern.sub(MASK, text) if self._texts else text

    def masked(self, value: T) -> T:
        """A JSON value with every text in it masked, names included."""
        masked: object = value
        if isinstance(value, str):
            masked = self.mask(value)
        elif isinstance(value, list):
            masked = [self.masked(entry) for entry in value]
        elif isinstance(value, dict):
            masked = {self.masked(name): self.masked(inner) for name, inner in value.items()}
        return masked  # type: ignore[return-value]  # of the same type as it came

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        forms = [(text, _in_any_encoding(text)) for text in self._texts]
        forms += [(form, _UNSEEN.join(map(_coded_character, form))) for form in self._coded]
        longest_first = sorted(forms, key=lambda form: len(form[0]), reverse=True)
        return re.compile("|".join(pattern for _form, pattern in longest_first), re.IGNORECASE)


def _coded(content: bytes) -> Iterator[str]:
    """A value in hexadecimal and in Base64, alone or as a part of something longer."""
    yield content.hex()
    for skipped in range(3):
        # Inside a longer Base64 text the same bytes have three forms, by where they begin. The characters at
        # both ends depend on what stands beside them and are left out.
        coded = base64.b64encode(b"\0" * skipped + content).decode("ascii").rstrip("=")
        begin = 0 if skipped == 0 else skipped + 1
        inner = coded[begin : len(coded) - (1 if (skipped + len(content)) % 3 else 0)]
        if len(inner) >= SHORTEST:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))


def _in_any_encoding(text: str) -> str:
    """A pattern for a text each of whose characters may be encoded in a way of its own."""
    return _UNSEEN.join(map(_character, text))


def _coded_character(character: str) -> str:
    return character if character.isalnum() else _character(character)


def _character(character: str) -> str:
    number, utf8 = ord(character), character.encode("utf-8", "surrogatepass")
    utf16 = character.encode("utf-16-be", "surrogatepass")
    units = [utf16[at : at + 2].hex() for at in range(0, len(utf16), 2)]
    names = "|".join(re.escape(name.rstrip(";")) for name, value in html5.items() if value == character)
    forms = [
        rf"\\*{re.escape(character)}",
        "".join(rf"%(?:25)*{byte:02x}" for byte in utf8),
        "".join(rf"\\+u{unit}" for unit in units),
        rf"&(?:amp;)*#(?:0*{number}|x0*{number:x});?",
    ]
    if number < 256:
        forms.append(rf"\\+x{number:02x}")
    if names:
        forms.append(f"&(?:amp;)*(?:{names});?")
    if character == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else match[3]
