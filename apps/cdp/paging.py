"""Collections of the vendor: one page of links, references or whole objects (contract 1.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from apps.cdp.answers import Fields, ref_from_href
from apps.cdp.errors import CdpMalformedAnswer, CdpUnexpected
from apps.cdp.links import BaseUrl, Path

PAGE_SIZE = 100  # the vendor's maximum
PAGE_LIMIT = 50  # pages; 5,000 records are more than one order or guest can have


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a page. `fields` holds the whole object unless the entry is `bare`."""

    ref: str
    data: dict[str, object]
    bare: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of one page and the link to the next one, if the vendor gave any."""

    items: tuple[Item, ...]
    next_href: str

    @classmethod
    def from_json(cls, data: object) -> Page:
        """Read an envelope. Raises `CdpMalformedAnswer`, also for one entry that says no reference: a list
        that silently lacks an entry would be false evidence."""
        fields = Fields(data)
        entries = fields.value("items")
        if not isinstance(entries, list):
            raise CdpMalformedAnswer
        return cls(tuple(map(_item, entries)), fields.inner("next").href())


def _item(entry: object) -> Item:
    fields = Fields(entry)
    ref = fields.ref() if fields.value("ref") is not None else ref_from_href(fields.href())
    if not ref or not isinstance(entry, dict):
        raise CdpMalformedAnswer
    return Item(ref, {**entry, "ref": ref}, bare=fields.names() <= {"ref", "href"})


def items_of_all_pages(
    fetch: Callable[[dict[str, str]], Page], *, path: Path, base: BaseUrl, query: dict[str, str]
) -> Iterator[Item]:
    """Every entry of a collection once, in the vendor's order.

    `fetch` reads one page for a query. The vendor's own link to the next page is taken when it leads to the
    same collection on our host; otherwise the offset advances. The published examples of that link do not fit
    an offset of items, so a link that brings nothing new is checked by the offset before the list counts as
    ended. Raises `CdpUnexpected` ("list_too_long") when the list has not ended after `PAGE_LIMIT` pages.
    """
    start = {**query, "expand": "true", "limit": str(PAGE_SIZE)}
    ask, by_link = start, False
    asked: list[dict[str, str]] = []
    seen: set[str] = set()
    for _ in range(PAGE_LIMIT):
        page = fetch(ask)
        asked.append(ask)
        before = len(seen)
        for item in page.items:
            if item.ref.lower() not in seen:  # references are compared without case (contract 1.4)
                seen.add(item.ref.lower())
                yield item
        nothing_new = len(seen) == before
        if not page.items or (nothing_new and not by_link):
            return
        link = _followed(page.next_href, path, base, start)
        by_link = bool(link) and link not in asked and not nothing_new
        ask = link if by_link else {**start, "offset": str(len(seen))}
    raise CdpUnexpected("list_too_long")


def _followed(href: str, path: Path, base: BaseUrl, start: dict[str, str]) -> dict[str, str]:
    """The query of a link to the next page, or nothing when it leads anywhere but to this collection."""
    if not base.owns(href) or urlsplit(href).path != path.filled:
        return {}
    return {**start, **dict(parse_qsl(urlsplit(href).query))}
