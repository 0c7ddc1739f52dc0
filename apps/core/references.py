"""References: in a pasted link of Sitecore CDP, the portal or a mail filter, and whether two are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

# Vendor: references are UUID-shaped, in either case.
UUID_SHAPED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
# A blank or an @ says that it is a name or an e-mail address instead.
ANY_SHAPE = re.compile(r"[^\s@/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
MAX_WRAPPINGS = 3  # one mail filter may wrap the link of another
AROUND = "<>\"'“”‘’()[]{}.,; "  # what a sentence or a mail program puts around a link


class RecordKind(StrEnum):
    """What a reference belongs to."""

    ORDER = "order"
    GUEST = "guest"
    CONSUMER = "consumer"
    SUBMISSION = "submission"


# The word in front of a reference in a path, in lower case: of the API, the vendor's pages and the portal.
_PATH_WORDS = {
    "orders": RecordKind.ORDER,
    "guests": RecordKind.GUEST,
    "orderconsumers": RecordKind.CONSUMER,
    "order-consumers": RecordKind.CONSUMER,
    "consumers": RecordKind.CONSUMER,
    "submissions": RecordKind.SUBMISSION,
}
# The names of query parameters that hold a reference, in lower case.
_QUERY_NAMES = {
    "order": RecordKind.ORDER,
    "orderref": RecordKind.ORDER,
    "guest": RecordKind.GUEST,
    "guestref": RecordKind.GUEST,
    "guest_ref": RecordKind.GUEST,
    "order_ref": RecordKind.ORDER,
    "consumer": RecordKind.CONSUMER,
}


@dataclass(frozen=True, slots=True)
class _Named:
    """A reference and the kind of record that the link says it belongs to."""

    kind: RecordKind
    reference: str


class NoReference(ValueError):
    """There is no such reference in a link. ``other``: the kind of record that it leads to, if any."""

    def __init__(self, other: RecordKind | None = None) -> None:
        super().__init__("no reference in the link")
        self.other = other


def is_link(text: str) -> bool:
    """Whether the text is meant as a link or a path, rather than as a reference."""
    return "/" in text or "\\" in text


def reference_in_link(link: str, *kinds: RecordKind, uuid_shaped: bool = True) -> str:
    """The reference of one of these kinds (of any, where none is named) in a link, as it is spelled there.

    ``uuid_shaped``: whether only such references are taken. A filter takes whatever an answer of the vendor
    may have been stored with, if it has a digit: a word is a page. Nothing is fetched. Raises
    :class:`NoReference` where the link holds none of these kinds, or two different ones.
    """
    wanted = kinds or tuple(RecordKind)
    parts = _split(_unwrapped(link.strip(AROUND)))
    shape = UUID_SHAPED if uuid_shaped else ANY_SHAPE
    # What the path says goes first: ?order= only says where the reader came from.
    for named in ([*_in_path(parts, shape)], [*_in_query(parts)]):
        found = {one.reference.lower(): one.reference for one in named if one.kind in wanted}
        if len(found) == 1 or (found and not kinds):
            return next(iter(found.values()))
        if found:
            raise NoReference
    others = [one.kind for one in [*_in_path(parts, shape), *_in_query(parts)]]
    raise NoReference(others[0] if others else None)


def _split(link: str) -> SplitResult:
    try:
        return urlsplit(link)
    except ValueError:  # not even a link, such as http://[
        return SplitResult("", "", "", "", "")


def _unwrapped(link: str) -> str:
    """The link that a mail filter has wrapped into one of its own; the link itself where none has.

    Known ways: a query parameter with the whole link (Outlook Safe Links, Google, Barracuda, Proofpoint 1),
    the same with ``-`` for ``%`` and ``_`` for ``/`` (Proofpoint 2), ``__link__`` in the path (Proofpoint 3).
    """
    for _times in range(MAX_WRAPPINGS):
        parts = _split(link)
        inner = re.search(r"/v3/__(.+?)__;", link)
        if inner:
            link = inner[1]
            continue
        values = [value for _name, value in parse_qsl(parts.query)]
        if parts.path.startswith("/v2/url"):
            values = [unquote(value.replace("-", "%").replace("_", "/")) for value in values]
        wrapped = next((value for value in values if re.match(r"https?://", value, re.IGNORECASE)), None)
        if wrapped is None:
            return link
        link = wrapped
    return link


def _in_path(parts: SplitResult, shape: re.Pattern[str]) -> Iterator[_Named]:
    """From the path, then from the fragment: the vendor's pages keep their path in it (``/#/guests/…``)."""
    for path in (parts.path, parts.fragment.partition("?")[0]):
        segments = [unquote(segment) for segment in path.split("/")]
        for word, segment in pairwise(segments):
            kind = _PATH_WORDS.get(word.lower())
            if kind is not None and shape.fullmatch(segment) and any(map(str.isdigit, segment)):
                yield _Named(kind, segment)


def _in_query(parts: SplitResult) -> Iterator[_Named]:
    for query in (parts.query, parts.fragment.partition("?")[2]):
        for name, value in parse_qsl(query):
            kind = _QUERY_NAMES.get(name.lower())
            if kind is not None and UUID_SHAPED.fullmatch(value):
                yield _Named(kind, value)


def same_reference(one: str, other: str) -> bool:
    """Whether two references name the same record. Case and dashes do not count; two empty ones name none."""
    return bool(one) and reference_key(one) == reference_key(other)


def spellings(reference: str) -> tuple[str, ...]:
    """How a reference can be stored, in lower case: with and without dashes, and as it came."""
    plain = reference_key(reference)
    return tuple({reference.lower(), plain, with_dashes(plain)})


def reference_key(reference: str) -> str:
    """What two spellings of one reference share. Vendor: examples are in either case (contract 1.4)."""
    return reference.lower().replace("-", "")


def with_dashes(text: str) -> str:
    """A reference of 32 digits with its four dashes; everything else as it is."""
    if not re.fullmatch("[0-9a-fA-F]{32}", text):
        return text
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
