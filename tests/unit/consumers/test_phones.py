"""A phone number is read whole or not at all: nothing that was typed is dropped from it."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from apps.consumers.phones import e164


@pytest.mark.parametrize(
    "text",
    ["085 123 4567", "0851234567", "(085) 123-4567", "085/123.4567", "+353 85 123 4567", "+353851234567"],
)
def test_a_number_is_read_in_the_region_of_the_house(text: str) -> None:
    assert e164(text) == "+353851234567"


def test_a_national_number_means_another_one_in_another_region(settings: Settings) -> None:
    settings.PHONE_REGION = "GB"
    assert e164("07400 123456") == "+447400123456"
    assert e164("+353 85 123 4567") == "+353851234567"


@pytest.mark.parametrize(
    "text",
    [
        "085 123 4567 ext. 12",
        "085 123 4567 x12",
        "085 123 4567#12",
        "1800 FLOWERS",
        "tel:+353851234567",
        "mobile 085 123 4567",
        "08",
        "+353",
        "+999 123 456 789",
        "085 123 4567 085 123 4568",
        "٠٨٥١٢٣٤٥٦٧",
        "",
    ],
)
def test_letters_extensions_and_what_is_too_short_or_long_are_not_read(text: str) -> None:
    assert e164(text) is None


def test_a_number_without_its_area_code_is_not_taken_for_a_whole_one(settings: Settings) -> None:
    settings.PHONE_REGION = "US"
    assert e164("253 0000") is None
    assert e164("(650) 253-0000") == "+16502530000"
