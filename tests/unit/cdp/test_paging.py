"""Reading a collection page by page: which pages are requested, and when the list is certainly whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.cdp.links import BaseUrl, Path
from apps.cdp.paging import CollectionReader, Page

ORIGIN = "https://api-engage-eu.sitecorecloud.io"
PATH = Path.fill("/v2.1/orders/{order_ref}/consumers", order_ref="o1")
REFS = [f"r{number}" for number in range(25)]


def page(refs: list[str], link: str = "") -> Page:
    """A page with these entries; `link` is the query of its next one."""
    body: dict[str, object] = {"items": [{"ref": ref} for ref in refs]}
    return Page.from_json({**body, "next": {"href": f"{ORIGIN}{PATH.filled}?{link}" if link else ""}})


def reader_of(answer: Callable[[dict[str, str]], Page]) -> CollectionReader:
    """A reader whose pages are the answers to its queries."""
    return CollectionReader(lambda ask: (answer(ask), False), path=PATH, base=BaseUrl.parse(ORIGIN), query={})


def test_entry_without_data_is_bare_whatever_the_case_of_its_names() -> None:
    entries = [{"ref": "a"}, {"href": "https://h/v2.1/guests/b"}, {"REF": "c", "Href": "https://h/c"}]
    read = Page.from_json({"items": [*entries, {"ref": "d", "email": ""}]})
    assert [(item.ref, item.bare) for item in read.items] == [
        ("a", True),
        ("b", True),
        ("c", True),
        ("d", False),
    ]
    assert [item.data["ref"] for item in read.items] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "more",
    [
        {"rel": "consumer", "title": "Order consumer"},
        {"type": "application/json", "createdAt": "2026-01-01T00:00:00Z"},
        {"guest": {"href": "https://h/v2.1/guests/g"}, "order": {"href": "https://h/v2.1/orders/o"}},
        {"status": 200, "id": "a"},
    ],
)
def test_link_with_further_attributes_is_bare(more: dict[str, object]) -> None:
    """Nobody's data was read. As a record it would be a person without a name."""
    read = Page.from_json({"items": [{"ref": "a", "href": "https://h/v2.1/orderConsumers/a", **more}]})
    assert [item.bare for item in read.items] == [True]


@pytest.mark.parametrize(
    "name", ["firstName", "LASTNAME", "identifiers", "guestType", "referenceId", "price"]
)
def test_entry_with_one_field_of_a_record_is_not_bare(name: str) -> None:
    assert not Page.from_json({"items": [{"ref": "a", name: None}]}).items[0].bare


def test_reader_knows_nothing_before_its_first_page() -> None:
    reader = reader_of(lambda _: page([]))
    assert (reader.has_read_page, reader.is_whole) == (False, False)
    assert list(reader) == []
    assert (reader.has_read_page, reader.is_whole) == (True, True)


def test_link_is_followed_once_and_then_our_own_offset() -> None:
    """The vendor's examples always print offset=1 (contract 1.6)."""
    asked: list[str] = []

    def answer(ask: dict[str, str]) -> Page:
        asked.append(ask.get("offset", ""))
        first = int(asked[-1] or 0)
        return page(REFS[first : first + 10], "offset=1&limit=10")

    assert [item.ref for item in reader_of(answer)] == REFS
    assert asked == ["", "1", "11", "21", "25"]


@pytest.mark.parametrize("offset", ["x", "-10", "%C2%B2", "%D9%A1%D9%A0", "1e1", "99999999999999999999"])
def test_page_at_an_unknown_position_makes_the_list_doubtful(offset: str) -> None:
    """Its entries are read, but some may be missing before them."""

    def answer(ask: dict[str, str]) -> Page:
        if "offset" not in ask:
            return page(REFS[:10], f"offset={offset}")
        return page(REFS[10:11]) if ask["offset"] != "11" else page([])

    reader = reader_of(answer)
    assert [item.ref for item in reader] == REFS[:11]
    assert not reader.is_whole
