"""The personal columns: what was sent to Sitecore CDP, decrypted row by row."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, Final

import orjson

from apps.cdp.fields import FIELDS, VENDOR_NAMES
from apps.consumers.models import Submission
from apps.core import personal_data
from apps.core.encryption import NotReadableError, decryptor
from apps.core.export.excel import day_number
from apps.core.export.formats import Format
from apps.history.writing.cells import AS_TEXT, Kind, kind_of

UNREADABLE: Final = "(unreadable)"
"""Content of the personal cells of a row whose consumer cannot be read."""

JOINT: Final = "; "
"""Separates several values in one cell."""

# Consumers are stored in the vendor's JSON form (NewConsumer.to_json).
_LISTS: Final = frozenset(field.vendor_name for field in FIELDS if field.shape.is_list)

Cells = tuple[str, ...]


class People:
    """Makes the personal cells of rows from their encrypted consumers."""

    def __init__(self, columns: Sequence[str], format_: Format) -> None:
        """``columns``: keys of personal columns.

        For JSON Lines each cell is a JSON value: fields with several values are lists, erased values are
        null. For Excel a date is the number of its day.
        """
        json = format_ is Format.JSONL
        self.unreadable = 0
        """Number of rows so far whose consumer cannot be read."""
        self._decrypt = decryptor(personal_data.label_of(Submission, "encrypted_consumer"))
        names = [VENDOR_NAMES[key] for key in columns]
        self._fields = [(name, [] if name in _LISTS else "") for name in names]
        formats = _FORMATS.get(format_, _TEXT_FORMATS)
        default = encode_basestring if json else None
        self._formats = [
            (index, format_value)
            for index, name in enumerate(names)
            if (format_value := formats.get(name, default)) is not None
        ]
        self._erased: Cells = ("null" if json else "",) * len(columns)
        unreadable = encode_basestring(UNREADABLE) if json else UNREADABLE
        as_text = AS_TEXT if format_ is Format.XLSX else ""
        self._unreadable: Cells = tuple(
            f"{as_text if kind_of(key) is Kind.DATE else ''}{unreadable}" for key in columns
        )

    def cells(self, stored: bytes, owner: str) -> Cells:
        """The cells of the row with this encrypted consumer; empty if it was erased.

        ``owner``: the row's public id, 32 hexadecimal digits.
        """
        if not stored:
            return self._erased
        try:
            value_of = orjson.loads(self._decrypt(stored, owner)).get
            cells = [value_of(name, absent) for name, absent in self._fields]
            for index, format_value in self._formats:
                cells[index] = format_value(cells[index])
            "".join(cells)  # raises TypeError if a cell is not a text
        except (NotReadableError, ValueError, TypeError, KeyError, AttributeError):
            self.unreadable += 1
            return self._unreadable
        return tuple(cells)


def _pairs_text(identifiers: Sequence[Mapping[str, str]]) -> str:
    return JOINT.join([f"{pair['provider']}: {pair['id']}" for pair in identifiers])


def _date_part(moment: str) -> str:
    return moment[:10]


def _day_number(moment: str) -> str:
    """The day as Excel counts it, or its text after :data:`AS_TEXT` if programs differ."""
    day = moment[:10]
    if not day:
        return ""
    number = day_number(dt.date.fromisoformat(day))
    return f"{AS_TEXT}{day}" if number is None else str(number)


def _list_json(values: Sequence[object]) -> str:
    return _encode(values) if values else "[]"


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# Values that are not shown unchanged, by vendor name.
_TEXT_FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    "emails": JOINT.join,
    "phoneNumbers": JOINT.join,
    "identifiers": _pairs_text,
    "dateOfBirth": _date_part,
}
_FORMATS: Final[dict[Format, dict[str, Callable[[Any], str]]]] = {
    Format.JSONL: {
        **dict.fromkeys(_LISTS, _list_json),
        "dateOfBirth": lambda moment: encode_basestring(_date_part(moment)) if moment else "null",
    },
    Format.XLSX: {**_TEXT_FORMATS, "dateOfBirth": _day_number},
}
