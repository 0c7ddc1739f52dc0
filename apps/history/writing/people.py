"""The personal columns: what was sent to Sitecore CDP, decrypted many at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from apps.core.bulk_decryption import decrypt_all

UNREADABLE: Final = "(unreadable)"
"""What the personal cells of a row say whose consumer none of our keys opens."""

JOINT: Final = "; "
"""What stands between several values in one cell."""

# Our name → the name in what is stored, which is the vendor's form (NewConsumer.to_json).
_STORED: Final = {
    "title": "title",
    "first_name": "firstName",
    "last_name": "lastName",
    "gender": "gender",
    "date_of_birth": "dateOfBirth",
    "emails": "emails",
    "phone_numbers": "phoneNumbers",
    "nationality": "nationality",
    "passport_number": "passportNumber",
    "country": "country",
    "identifiers": "identifiers",
}
_LISTS: Final = frozenset({"emails", "phone_numbers", "identifiers"})

_Person = Mapping[str, Any]
Cells = tuple[str, ...]


class People:
    """Makes the personal cells of rows from their encrypted consumers."""

    def __init__(self, columns: Sequence[str], *, json: bool) -> None:
        """``columns``: keys of personal columns. ``json``: each cell is a JSON value, a list where there may
        be several, null where nothing is known any more."""
        self.unreadable = 0
        """Rows so far whose consumer none of our keys opens."""
        self._readers = [_json_reader(key) if json else _text_reader(key) for key in columns]
        self._erased: Cells = ("null" if json else "",) * len(columns)
        self._closed: Cells = (_json(UNREADABLE) if json else UNREADABLE,) * len(columns)

    def cells(self, tokens: Sequence[str]) -> list[Cells]:
        """The cells of each row. An empty token is a consumer who was erased."""
        return [
            self._of(text) if token else self._erased
            for token, text in zip(tokens, _opened(tokens), strict=True)
        ]

    def _of(self, text: str | None) -> Cells:
        try:
            person: _Person = json.loads(text or "")
            return tuple([read(person) for read in self._readers])
        except (ValueError, TypeError, KeyError, AttributeError):
            self.unreadable += 1
            return self._closed


def _opened(tokens: Sequence[str]) -> Iterable[str | None]:
    found = iter(decrypt_all([token for token in tokens if token]))
    return [next(found) if token else None for token in tokens]


def _text_reader(key: str) -> Callable[[_Person], str]:
    stored = _STORED[key]
    if key == "identifiers":
        return lambda person: JOINT.join(
            f"{pair['provider']}: {pair['id']}" for pair in person.get(stored, ())
        )
    if key in _LISTS:
        return lambda person: JOINT.join(person.get(stored, ()))
    if key == "date_of_birth":
        return lambda person: person.get(stored, "")[:10]
    return lambda person: person.get(stored, "")


def _json_reader(key: str) -> Callable[[_Person], str]:
    stored = _STORED[key]
    if key in _LISTS:
        return lambda person: _json(person.get(stored, []))
    if key == "date_of_birth":
        return lambda person: _json(person.get(stored, "")[:10] or None)
    return lambda person: _json(person.get(stored, ""))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
