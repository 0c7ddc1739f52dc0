"""Parsing the vendor's JSON: strict about required values, tolerant of everything else.

Functions return plain values or raise `CdpMalformedAnswer`. An optional value that cannot be parsed becomes
empty: an odd date must not turn a created consumer into an unknown one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn
from urllib.parse import urlsplit

from apps.cdp.errors import CdpMalformedAnswer
from apps.cdp.masking import MASK

MAX_REFERENCE_LENGTH = 200  # characters
MAX_LINK_LENGTH = 2_000  # characters
MAX_MESSAGE_LENGTH = 1_000  # characters

_PLAUSIBLE_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")
_COLLECTIONS = frozenset({"guests", "orders", "orderconsumers", "orderitems", "consumers", "contacts"})
_SUBJECT = re.compile(r"([A-Za-z]+)(?:\[(\d+)\])?(?:\.([A-Za-z]+))?", re.ASCII)


def parse_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8 (RFC 8259).

    Numbers with a fraction become `Decimal`. Duplicate names and NaN are errors, because their meaning is
    undefined. Raises `CdpMalformedAnswer`.
    """
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_without_duplicates,
        )
    except (ValueError, ArithmeticError, RecursionError):
        pass
    raise CdpMalformedAnswer  # outside the handler, so that no chained exception contains the body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate name")
    return result


class Fields:
    """One JSON object with case-insensitive names (the vendor sends `First` and `first`, contract 1.6)."""

    def __init__(self, value: object) -> None:
        """Raises `CdpMalformedAnswer` if the value is not an object."""
        if not isinstance(value, dict):
            raise CdpMalformedAnswer
        self._exact: dict[str, object] = value
        self._folded: dict[str, object] = {}
        for name, content in value.items():
            self._folded.setdefault(name.lower(), content)

    def names(self) -> frozenset[str]:
        """All names, in lower case."""
        return frozenset(self._folded)

    def value(self, name: str) -> object:
        """The value as received; None if absent."""
        return self._exact[name] if name in self._exact else self._folded.get(name.lower())

    def text(self, name: str) -> str:
        """The text under a name; "" if absent, not a text, or not storable."""
        return storable_text(self.value(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The non-empty texts of a list; other items are skipped."""
        value = self.value(name)
        return tuple(filter(None, map(storable_text, value))) if isinstance(value, list) else ()

    def date(self, name: str) -> dt.date | None:
        """The date part as written, without conversion of time and zone; None if it cannot be parsed."""
        return date_part(self.text(name))

    def moment(self, name: str) -> dt.datetime | None:
        """The moment in UTC; None if it cannot be parsed."""
        return moment(self.text(name))

    def number(self, name: str) -> Decimal | None:
        """The number under a name; None if it is not a number or too large or small to be displayed."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return None
        number = Decimal(value)
        return number if abs(number.adjusted()) < 18 and len(number.as_tuple().digits) < 40 else None

    def objects(self, name: str) -> Iterator[Fields]:
        """The objects of a list; other items are skipped."""
        value = self.value(name)
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict):
                yield Fields(item)

    def inner(self, name: str) -> Fields:
        """The object under a name; an empty one if absent."""
        value = self.value(name)
        return Fields(value if isinstance(value, dict) else {})

    def href(self) -> str:
        """The object's own link as text, or "". It may lead to any host: see `BaseUrl.owns`."""
        link = self.text("href")
        return link if len(link) <= MAX_LINK_LENGTH and link.isprintable() and " " not in link else ""

    def ref(self) -> str:
        """The object's reference: 1 to 200 printable characters, no blanks, nothing masked.

        Raises `CdpMalformedAnswer` otherwise, because the record cannot be identified without it.
        """
        ref = self.text("ref")
        if not ref or len(ref) > MAX_REFERENCE_LENGTH or not ref.isprintable() or " " in ref or MASK in ref:
            raise CdpMalformedAnswer
        return ref


def storable_text(value: object) -> str:
    """The value if it is a text that can be stored (no NUL, no lone surrogates); otherwise ""."""
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        return ""
    return value


def date_part(text: str) -> dt.date | None:
    """The date of an ISO 8601 text as written, because a conversion of the zone could shift a birthday."""
    try:
        return dt.date.fromisoformat(re.split(r"[Tt ]", text.strip())[0])
    except ValueError:
        return None


def moment(text: str) -> dt.datetime | None:
    """The moment of an ISO 8601 text in UTC. A text without a zone is in UTC too (contract 1.5)."""
    try:
        value = dt.datetime.fromisoformat(text.strip())
        value = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    # The first and last year of the calendar would overflow when displayed in another zone.
    return value if dt.MINYEAR < value.year < dt.MAXYEAR else None


def ref_from_href(href: str) -> str:
    """The reference in the last path segment of a link, or "" if that does not look like a reference."""
    try:
        last = urlsplit(href).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""
    plausible = _PLAUSIBLE_REFERENCE.fullmatch(last) and last.lower() not in _COLLECTIONS
    return last if plausible else ""


def storable_message(text: str) -> str:
    """The start of a vendor's message without control characters and surrogates."""
    return "".join(
        char for char in text[:MAX_MESSAGE_LENGTH] if unicodedata.category(char) not in {"Cc", "Cs"}
    )


@dataclass(frozen=True, slots=True)
class MessageSubject:
    """What a vendor's message is about, by the vendor's names: a field, and in a list one value and its part.

    `index`: counted from 0; None if the message names no single value. `part`: of an identifier, or "".
    """

    field: str = ""
    index: int | None = None
    part: str = ""


def subject_of_message(message: str, known: frozenset[str]) -> MessageSubject:
    """What a vendor's message is about: the text before the first colon, if its field is in `known`.

    `emails[0]: …` and `identifiers[1].provider: …` are about `emails` and `identifiers` (contract section 2).
    The field is empty if the message names none that is known.
    """
    match = _SUBJECT.fullmatch(message.partition(":")[0].strip()) if ":" in message else None
    if match is None or match[1] not in known:
        return MessageSubject()
    index = int(match[2]) if match[2] and len(match[2]) < 6 else None
    return MessageSubject(match[1], index, match[3] or "")
