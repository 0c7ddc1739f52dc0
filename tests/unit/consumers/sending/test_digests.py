"""Digests: equal for sends without a difference, different for all others."""

from __future__ import annotations

import datetime
from dataclasses import fields, replace
from typing import Any

import pytest
from pytest_django import Settings

from apps.cdp.consumers import Identifier, NewConsumer
from apps.consumers.models import DigestKind
from apps.consumers.sending.digests import content_digest, search_digest
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from tests.support.entries import FULL, clean

OTHER: dict[str, Any] = {
    "first_name": "Aoife",
    "last_name": "o’beeblebrox",
    "title": "Mr",
    "gender": "",
    "date_of_birth": datetime.date(1991, 3, 8),
    "emails": FULL.emails[::-1],
    "phone_numbers": FULL.phone_numbers[:1],
    "nationality": "",
    "passport_number": "PZ4A9566",
    "country": "GB",
    "identifiers": (
        Identifier("LoyaltyProgramme", "PS-77-Zaphod"),
        Identifier("ProfileSystem", "LP-42-Zaphod"),
    ),
}


def test_content_digest_covers_the_order_and_everything_sent() -> None:
    digest = content_digest(SAMPLE_ORDER, FULL)
    assert digest == content_digest(SAMPLE_ORDER.upper(), replace(FULL))
    assert digest != content_digest(FAMILY_ORDER, FULL)
    assert set(OTHER) == {field.name for field in fields(NewConsumer)}
    others = {content_digest(SAMPLE_ORDER, replace(FULL, **{name: value})) for name, value in OTHER.items()}
    assert len(others | {digest}) == len(OTHER) + 1


def test_same_value_in_different_fields_has_different_digests() -> None:
    one, other = clean(nationality="Irish"), clean(passport_number="Irish")
    assert content_digest(SAMPLE_ORDER, one) != content_digest(SAMPLE_ORDER, other)


def test_digest_cannot_be_made_without_the_key(settings: Settings) -> None:
    before = content_digest(SAMPLE_ORDER, FULL), search_digest(DigestKind.EMAIL, "ida@example.com")
    settings.DIGEST_KEYS = ["another key that is just as long as the first one was"]
    after = content_digest(SAMPLE_ORDER, FULL), search_digest(DigestKind.EMAIL, "ida@example.com")
    assert not set(before) & set(after)


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (DigestKind.EMAIL, "Ida@Example.com", " ida@example.COM ", True),
        (DigestKind.LAST_NAME, "Zoe\N{COMBINING DIAERESIS}", "ZOË", True),
        (DigestKind.LAST_NAME, "van  der\tBerg", "Van der Berg", True),
        (DigestKind.LAST_NAME, "Straße", "STRASSE", True),
        (DigestKind.LAST_NAME, "Núñez", "nunez", True),
        (DigestKind.LAST_NAME, "O’Brien", "O'BRIEN", True),
        (DigestKind.LAST_NAME, "vander Berg", "van der Berg", False),
        (DigestKind.EMAIL, "Doe, Jane <jane@example.com>", "jane@example.com", True),
        (DigestKind.EMAIL, "jane@example.com\u200b", "jane@example.com", True),
        (DigestKind.EMAIL, "josé@example.com", "jose@example.com", False),
        (DigestKind.PASSPORT, "PX 0000646", "px0000646", True),
        (DigestKind.PASSPORT, "PX-0000646", "PX0000647", False),
        (DigestKind.PASSPORT, " - ", "-", True),
        (DigestKind.PHONE, "085 123 4567", "+353 (85) 123-4567", True),
        (DigestKind.PHONE, "reception 9", "reception9", True),
        (DigestKind.PASSPORT, "pz4a9565", "PZ4A9565", True),
        (DigestKind.IDENTIFIER, "LP-42", "lp-42", False),
        (DigestKind.IDENTIFIER, " LP-42 ", "LP-42", True),
    ],
)
def test_value_is_found_in_any_notation_but_identifiers_exactly(
    kind: DigestKind, one: str, other: str, same: bool
) -> None:
    assert (search_digest(kind, one) == search_digest(kind, other)) is same


def test_same_text_of_two_kinds_has_two_digests() -> None:
    assert len({search_digest(kind, "AB-12") for kind in DigestKind}) == len(DigestKind)
