"""The personal columns: what was sent to Sitecore CDP, decrypted many at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, Final

from apps.cdp.fields import FIELDS, VENDOR_NAMES
from apps.core.bulk_decryption import decrypt_all

UNREADABLE: Final = "(unreadable)"
"""What the personal cells of a row say whose consumer none of our keys opens."""

JOINT: Final = "; "
"""What stands between several values in one cell."""

# Consumers are stored in the vendor's JSON form (NewConsumer.to_json).
_LISTS: Final = frozenset(field.vendor_name for field in FIELDS if field.shape.is_list)
_EMPTY: Final[dict[str, Any]] = {name: [] if name in _LISTS else "" for name in VENDOR_NAMES.values()}

Cells = tuple[str, ...]


class People:
    """Makes the personal cells of rows from their encrypted consumers."""

    def __init__(self, columns: Sequence[str], *, json: bool) -> None:
        """``columns``: keys of personal columns. ``json``: each cell is a JSON value, a list where there may
        be several, null where nothing is known any more."""
        self.unreadable = 0
        """Rows so far whose consumer none of our keys opens."""
        self._names = [VENDOR_NAMES[key] for key in columns]
        shown = _JSON if json else _TEXT
        usual = encode_basestring if json else None
        self._shown = [
            (place, show)
            for place, name in enumerate(self._names)
            if (show := shown.get(name, usual)) is not None
        ]
        self._erased: Cells = ("null" if json else "",) * len(columns)
        self._closed: Cells = (encode_basestring(UNREADABLE) if json else UNREADABLE,) * len(columns)

    def cells(self, tokens: Sequence[str]) -> list[Cells]:
        """The cells of each row. An empty token is a consumer who was erased."""
        return [
            self._of(text) if token else self._erased
            for token, text in zip(tokens, _opened(tokens), strict=True)
        ]

    def _of(self, text: str | None) -> Cells:
        try:
            person = _EMPTY | json.loads(text or "")
            cells = [person[name] for name in self._names]
            for place, show in self._shown:
                cells[place] = show(cells[place])
            "".join(cells)  # or one of them is no text
        except (ValueError, TypeError, KeyError):
            self.unreadable += 1
            return self._closed
        return tuple(cells)


def _opened(tokens: Sequence[str]) -> Iterable[str | None]:
    found = iter(decrypt_all([token for token in tokens if token]))
    return [next(found) if token else None for token in tokens]


def _pairs(identifiers: Sequence[Mapping[str, str]]) -> str:
    return JOINT.join([f"{pair['provider']}: {pair['id']}" for pair in identifiers])


def _day(moment: str) -> str:
    return moment[:10]


def _list(values: Sequence[object]) -> str:
    return _encode(values) if values else "[]"


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# How a value is shown that is not shown as it is.
_TEXT: Final[dict[str, Callable[[Any], str]]] = {
    "emails": JOINT.join,
    "phoneNumbers": JOINT.join,
    "identifiers": _pairs,
    "dateOfBirth": _day,
}
_JSON: Final[dict[str, Callable[[Any], str]]] = {
    **dict.fromkeys(_LISTS, _list),
    "dateOfBirth": lambda moment: encode_basestring(_day(moment)) if moment else "null",
}
