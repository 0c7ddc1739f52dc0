"""A found consumer counts as the sent one only if every field agrees."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers.reconciliation.matching import matches
from tests.support.entries import FULL

FOUND = OrderConsumer.from_json({"ref": "c-1", **FULL.to_json(), "identifiers": None})


def test_equal_fields_match_although_the_answer_has_no_identifiers() -> None:
    assert FOUND.identifiers == ()
    assert matches(FULL, FOUND)


OTHER: dict[str, Any] = {
    "title": "Mr",
    "first_name": "Aoife",
    "last_name": "O’Beeblebrox-Dent",
    "gender": "female",
    "date_of_birth": datetime.date(1991, 7, 3),
    "emails": ("aoife@example.org",),
    "phone_numbers": ("+353851234567",),
    "nationality": "British",
    "passport_number": "PZ4A9566",
    "country": "GB",
}


def test_every_field_except_identifiers_is_compared() -> None:
    assert set(OTHER) == set(NewConsumer.__slots__) - {"identifiers"}


@pytest.mark.parametrize("name", OTHER)
def test_one_different_value_is_no_match(name: str) -> None:
    assert not matches(FULL, replace(FOUND, **{name: OTHER[name]}))


@pytest.mark.parametrize("name", sorted(set(OTHER) - {"first_name", "last_name"}))
def test_additional_or_missing_value_is_no_match(name: str) -> None:
    empty: Any = None if name == "date_of_birth" else type(OTHER[name])()
    assert not matches(FULL, replace(FOUND, **{name: empty}))
    assert not matches(replace(FULL, **{name: empty}), FOUND)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("last_name", "O’BEEBLEBROX"),
        ("first_name", "Aoife\u00a0 Zaphodina "),
        ("emails", ("aoife@example.org", "aoife.zed@EXAMPLE.com")),
        ("phone_numbers", ("+353 (85) 123-4567", "+353 1 6112 3345")),
        ("passport_number", "pz4a9565"),
    ],
)
def test_vendors_notation_is_ignored(name: str, written: Any) -> None:
    assert matches(FULL, replace(FOUND, **{name: written}))


def test_identifiers_are_compared_if_the_answer_has_any() -> None:
    assert matches(FULL, replace(FOUND, identifiers=FULL.identifiers))
    assert not matches(FULL, replace(FOUND, identifiers=FULL.identifiers[:1]))
