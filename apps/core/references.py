"""References of records: finding them in pasted links, and comparing their spellings.

Links may be from Sitecore CDP, from the portal, or wrapped by a mail filter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

# Vendor: references are UUID-shaped, in either case.
UUID_SHAPED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# No blank and no @: a text with one is a name or an e-mail address.
ANY_SHAPE = re.compile(r"[^\s@/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
ORDER_NUMBER_LENGTH = 200
"""Characters of an order number that are stored, at most. The vendor documents no limit."""
MAX_WRAPPINGS = 3  # mail filters may wrap each other's links
SURROUNDING = "<>\"'“”‘’()[]{}.,; "  # characters around a pasted link


class RecordKind(StrEnum):
    """The kind of record that a reference identifies."""

    ORDER = "order"
    GUEST = "guest"
    CONSUMER = "consumer"
    SUBMISSION = "submission"


# The path segment before a reference, in lower case: of the API, the vendor's pages and the portal.
_KIND_OF_SEGMENT = {
    "orders": RecordKind.ORDER,
    "guests": RecordKind.GUEST,
    "orderconsumers": RecordKind.CONSUMER,
    "order-consumers": RecordKind.CONSUMER,
    "consumers": RecordKind.CONSUMER,
    "submissions": RecordKind.SUBMISSION,
}
# Query parameters that contain a reference, in lower case.
_KIND_OF_PARAMETER = {
    "order": RecordKind.ORDER,
    "orderref": RecordKind.ORDER,
    "guest": RecordKind.GUEST,
    "guestref": RecordKind.GUEST,
    "guest_ref": RecordKind.GUEST,
    "order_ref": RecordKind.ORDER,
    "consumer": RecordKind.CONSUMER,
}


@dataclass(frozen=True, slots=True)
class _FoundReference:
    """A reference found in a link, with the kind of record that the link names."""

    kind: RecordKind
    reference: str


class NoReference(ValueError):
    """A link contains no reference of the wanted kinds. ``other``: the kind that it does contain, if any."""

    def __init__(self, other: RecordKind | None = None) -> None:
        super().__init__("no reference in the link")
        self.other = other


def is_link(text: str) -> bool:
    """Whether a text is a link or a path rather than a reference: it contains a slash or a backslash."""
    return "/" in text or "\\" in text


def reference_in_link(link: str, *kinds: RecordKind, uuid_shaped: bool = True) -> str:
    """The reference of one of these kinds (without ``kinds``: of any) in a link, in its original spelling.

    ``uuid_shaped``: whether only UUID-shaped references count. Filters also accept other references that the
    vendor may have returned, if they contain a digit: a word without digits is the name of a page.

    The link is not fetched. Raises :class:`NoReference` if it contains no such reference, or two different
    ones.
    """
    wanted = kinds or tuple(RecordKind)
    parts = _split(_unwrapped(link.strip(SURROUNDING)))
    shape = UUID_SHAPED if uuid_shaped else ANY_SHAPE
    # The path has priority: ?order= is only the page that the reader came from.
    for candidates in ([*_in_path(parts, shape)], [*_in_query(parts)]):
        found = {one.reference.lower(): one.reference for one in candidates if one.kind in wanted}
        if len(found) == 1 or (found and not kinds):
            return next(iter(found.values()))
        if found:
            raise NoReference
    others = [one.kind for one in [*_in_path(parts, shape), *_in_query(parts)]]
    raise NoReference(others[0] if others else None)


def _split(link: str) -> SplitResult:
    try:
        return urlsplit(link)
    except ValueError:  # not a valid link, such as http://[
        return SplitResult("", "", "", "", "")


def _unwrapped(link: str) -> str:
    """The original of a link that a mail filter has wrapped; the link itself if it is not wrapped.

    Known forms: a query parameter with the whole link (Outlook Safe Links, Google, Barracuda, Proofpoint 1),
    the same with ``-`` for ``%`` and ``_`` for ``/`` (Proofpoint 2), ``__link__`` in the path (Proofpoint 3).
    """
    for _times in range(MAX_WRAPPINGS):
        parts = _split(link)
        inner, end, _rest = link.partition("/v3/__")[2].partition("__;")
        if inner and end:
            link = inner
            continue
        values = [value for _name, value in parse_qsl(parts.query)]
        if parts.path.startswith("/v2/url"):
            values = [unquote(value.replace("-", "%").replace("_", "/")) for value in values]
        wrapped = next((value for value in values if re.match(r"https?://", value, re.IGNORECASE)), None)
        if wrapped is None:
            return link
        link = wrapped
    return link


def _in_path(parts: SplitResult, shape: re.Pattern[str]) -> Iterator[_FoundReference]:
    """References in the path, then in the fragment, which the vendor's pages use (``/#/guests/…``)."""
    for path in (parts.path, parts.fragment.partition("?")[0]):
        segments = [unquote(segment) for segment in path.split("/")]
        for collection, segment in pairwise(segments):
            kind = _KIND_OF_SEGMENT.get(collection.lower())
            if kind is not None and shape.fullmatch(segment) and any(map(str.isdigit, segment)):
                yield _FoundReference(kind, segment)


def _in_query(parts: SplitResult) -> Iterator[_FoundReference]:
    for query in (parts.query, parts.fragment.partition("?")[2]):
        for name, value in parse_qsl(query):
            kind = _KIND_OF_PARAMETER.get(name.lower())
            if kind is not None and UUID_SHAPED.fullmatch(value):
                yield _FoundReference(kind, value)


def same_reference(one: str, other: str) -> bool:
    """Whether two references identify the same record, ignoring case and dashes; False for empty ones."""
    return bool(one) and reference_key(one) == reference_key(other)


def spellings(reference: str) -> tuple[str, ...]:
    """The spellings in which a reference may be stored, in lower case: as given, and without dashes.

    Of 32 hex digits, also with the four dashes of a UUID.
    """
    plain = reference_key(reference)
    return tuple({reference.lower(), plain, with_dashes(plain)})


def stored_order_number(number: str) -> str:
    """An order number as it is stored, and compared with a stored one."""
    return number[:ORDER_NUMBER_LENGTH]


def reference_key(reference: str) -> str:
    """The key to compare references by: lower case, no dashes. The vendor uses both cases (contract 1.4)."""
    return reference.lower().replace("-", "")


def with_dashes(text: str) -> str:
    """A reference of 32 hex digits with its four dashes inserted; other text unchanged."""
    if not re.fullmatch("[0-9a-fA-F]{32}", text):
        return text
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
