"""Collections of the vendor: pages of links, references or whole objects (contract 1.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from apps.cdp.answers import Fields, ref_from_href
from apps.cdp.errors import CdpMalformedAnswer, CdpUnexpected, ErrorCode
from apps.cdp.fields import VENDOR_NAMES
from apps.cdp.links import BaseUrl, Path
from apps.core.references import reference_key

# An expanded entry has one of these: the fields of a person, the type of a guest, and what every order has
# (contract 7.3, 9.2). A title can also be that of a link.
_CONTENT = frozenset(
    name.lower()
    for name in (
        *(name for name in VENDOR_NAMES.values() if name != VENDOR_NAMES["title"]),
        *("email", "guestType", "referenceId", "orderedAt", "price", "currencyCode"),
    )
)

PAGE_SIZE = 100  # the vendor's maximum
PAGE_LIMIT = 50  # pages; no order or guest has 5,000 records


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a page. `data` is the JSON object; if `bare`, a reference or link without content."""

    ref: str
    data: dict[str, object]
    bare: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of one page, and the link to the next page or ""."""

    items: tuple[Item, ...]
    next_href: str

    @classmethod
    def from_json(cls, data: object) -> Page:
        """Parse the envelope of a page.

        Raises `CdpMalformedAnswer`, also if a single entry has no reference: a list that silently lacks an
        entry would be false evidence.
        """
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
    return Item(ref, {**entry, "ref": ref}, bare=fields.names().isdisjoint(_CONTENT))


class CollectionReader:
    """Iterates once over a collection and yields every entry once, in the vendor's order.

    `fetch` reads the page for a query and returns it with whether it came from a cache. The vendor's link to
    the next page is followed if it leads to the same collection on our host; otherwise the offset is
    increased. In the published examples the offset of that link does not count items, so if a link yields
    nothing new, the page at our own offset is read before the list counts as ended. Iteration raises
    `CdpUnexpected` (`ErrorCode.LIST_TOO_LONG`) if the list has not ended after `PAGE_LIMIT` pages.
    """

    def __init__(
        self,
        fetch: Callable[[dict[str, str]], tuple[Page, bool]],
        *,
        path: Path,
        base: BaseUrl,
        query: dict[str, str],
    ) -> None:
        self._fetch, self._path, self._base = fetch, path, base
        self._start = {**query, "expand": "true", "limit": str(PAGE_SIZE)}
        self._keys: list[str] = []  # reference keys of the entries so far, in order
        self._seen: set[str] = set()
        self._is_doubtful = False
        self._has_ended = False
        self.has_read_page = False

    @property
    def is_whole(self) -> bool:
        """Whether the list was read to its end without a sign that an entry was missed.

        If a list changes during reading, or has no fixed order, entries move between pages. As long as its
        length is the same, another entry then appears twice for each missed one. So an entry may appear at
        one position only, no position may be skipped, no page may come from a cache, and the last page must
        have no link to a next one.
        """
        return self._has_ended and not self._is_doubtful

    def __iter__(self) -> Iterator[Item]:
        ask, by_link = self._start, False
        asked: list[dict[str, str]] = []
        for _ in range(PAGE_LIMIT):
            page, from_cache = self._fetch(ask)
            self.has_read_page = True
            asked.append(ask)
            self._is_doubtful |= from_cache
            new = list(self._new_entries(page, ask.get("offset", "0")))
            yield from new
            if not page.items or (not new and not by_link):
                self._is_doubtful |= bool(page.next_href)
                self._has_ended = True
                return
            link = _next_query(page.next_href, self._path, self._base, self._start)
            by_link = bool(link) and link not in asked and bool(new)
            ask = link if by_link else {**self._start, "offset": str(len(self._keys))}
        raise CdpUnexpected(ErrorCode.LIST_TOO_LONG)

    def first_page(self) -> Iterator[Item]:
        """The entries of the first page alone: one call, where a list needs a second to be known as whole."""
        page, _ = self._fetch(self._start)
        yield from self._new_entries(page, "0")

    def _new_entries(self, page: Page, offset: str) -> Iterator[Item]:
        """The entries that no earlier page had. Overlapping pages that disagree make the list doubtful."""
        is_number = offset.isascii() and offset.isdigit() and len(offset) < 10
        position = int(offset) if is_number else -1
        self._is_doubtful |= not is_number or position > len(self._keys)
        for number, item in enumerate(page.items, start=position):
            key = reference_key(item.ref)
            is_known = 0 <= number < len(self._keys)
            agrees = self._keys[number] == key if is_known else key not in self._seen
            self._is_doubtful |= not agrees
            if key not in self._seen:
                self._seen.add(key)
                self._keys.append(key)
                yield item


def _next_query(href: str, path: Path, base: BaseUrl, start: dict[str, str]) -> dict[str, str]:
    """The query of a link to the next page; empty if it does not lead to this collection."""
    if not base.owns(href) or urlsplit(href).path != path.filled:
        return {}
    return {**start, **dict(parse_qsl(urlsplit(href).query))}
