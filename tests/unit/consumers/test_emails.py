"""Addresses are read as mail programs write them, and no deliverable address is refused."""

from __future__ import annotations

import pytest

from apps.consumers.emails import is_address, split_addresses, with_lower_case_domain


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("jane@example.com", ["jane@example.com"]),
        ("Doe, Jane <jane@example.com>; Bob <bob@example.com>", ["jane@example.com", "bob@example.com"]),
        ('"Doe, Jane" <jane@example.com>, carl@example.org', ["jane@example.com", "carl@example.org"]),
        ("a@example.com Bob B <bob@example.com>", ["a@example.com", "bob@example.com"]),
        ("jane@example.com <jane@example.com>", ["jane@example.com"]),
        ("'Jane@Example.com' <jane@example.com>", ["jane@example.com"]),
        ("mailto:jane@example.com", ["jane@example.com"]),
        ("mailto:?to=jane@example.com", ["mailto:?to=jane@example.com"]),
        ("Jane <mailto:?cc=jane@example.com>", ["mailto:?cc=jane@example.com"]),
        (
            "mailto:?to=jane%40example.com; bob@example.com",
            ["mailto:?to=jane%40example.com", "bob@example.com"],
        ),
        ("MAILTO:jane%2Btrip@example.com?subject=Hello", ["jane+trip@example.com"]),
        ("Jane [mailto:jane@example.com]", ["jane@example.com"]),
        ("“jane@example.com”", ["jane@example.com"]),
        ("o’brien@example.com", ["o’brien@example.com"]),
        # A text that is no address is kept and reported.
        ("one@example.com, two", ["one@example.com", "two"]),
        ("Bob <>", ["<>"]),
        ("bobexample.com; Jane <jane@example.com>", ["bobexample.com", "jane@example.com"]),
        ("bobexample.com, Jane <jane@example.com>", ["bobexample.com", "jane@example.com"]),
        ("Smith, J. R. <jr@example.com>", ["jr@example.com"]),
        ("Bob <bob>", ["bob"]),
        ("Bob <bob@example.com> or so", ["bob@example.com", "or", "so"]),
        ("", []),
    ],
)
def test_addresses_are_extracted_from_pasted_text(text: str, addresses: list[str]) -> None:
    assert list(split_addresses(text)) == addresses


@pytest.mark.parametrize(
    "address",
    [
        "josé@example.com",
        "o’brien@example.com",
        "o'brien@example.com",
        "jane@bücher.example",
        "用户@例子.公司",
        "jane@intranet.local",
        "jane@example.test",
        "jane@localhost",
        "john..doe@docomo.ne.jp",
        "john.@docomo.ne.jp",
        "first+last/x@example.com",
        "jane@xn--bcher-kva.example",
    ],
)
def test_every_deliverable_address_is_accepted(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "ida",
        "ida@",
        "@example.com",
        "a b@example.com",
        "a@b@example.com",
        "a@-example.com",
        "a@exam ple.com",
        "<>",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    assert not is_address(text)


def test_only_the_domain_is_lower_cased() -> None:
    assert with_lower_case_domain("Jane.DOE@EXAMPLE.Com") == "Jane.DOE@example.com"
