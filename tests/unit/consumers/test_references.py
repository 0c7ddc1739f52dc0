"""References in every spelling that people and the vendor use."""

from __future__ import annotations

import pytest

from apps.consumers.references import read_reference, same_reference, spellings

REF = "0f0e0d0c-0b0a-4908-8706-050403020100"
PLAIN = REF.replace("-", "")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (REF, REF),
        (REF.upper(), REF.upper()),
        (PLAIN, REF),
        (f"https://api.example/v2.1/orderConsumers/{REF}?expand=true", REF),
        (f"https://api.example/v2.1/orderConsumers/{PLAIN}/", REF),
        ("https://api.example/v2.1/orderConsumers/", ""),
        ("http://[", ""),
        (REF[:-1], ""),
        (f"{REF}0", ""),
        ("B94TXY-1", ""),
        ("０f0e0d0c-0b0a-4908-8706-050403020100", ""),
        ("", ""),
    ],
)
def test_a_reference_is_read_however_it_is_written(typed: str, read: str) -> None:
    assert read_reference(typed) == read


def test_case_and_dashes_do_not_count() -> None:
    assert same_reference(REF, PLAIN.upper())
    assert not same_reference(REF, f"1{REF[1:]}")
    assert not same_reference("", "")
    assert not same_reference(REF, "")


def test_every_spelling_is_looked_for_in_lower_case() -> None:
    assert set(spellings(PLAIN.upper())) == set(spellings(REF)) == {REF, PLAIN}
    assert "odd-one" in spellings("Odd-One")
