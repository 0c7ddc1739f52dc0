"""Collections: one page in the vendor's envelope. Switches reproduce oddities of the published examples."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from sandbox.api.answers import Answer, as_json, field_problem
from sandbox.api.calls import Call
from sandbox.data.store import JsonObject

DEFAULT_LIMIT = 10
MAX_LIMIT = 100  # a larger limit gives a shorter page (vendor: using a collection resource)
_DIRECTIONS = {"ASC": False, "DESC": True}

T = TypeVar("T")


def collection(call: Call, entries: Sequence[T], show: Callable[[T], JsonObject]) -> Answer:
    """One page of a collection in the vendor's envelope; `show` converts an entry to JSON.

    Offsets count items (vendor: using a collection resource).
    The answer is a 400 if `offset` or `limit` is invalid.
    """
    query = call.request.query
    numbers: dict[str, int] = {}
    for name, default, least in (("offset", 0, 0), ("limit", DEFAULT_LIMIT, 1)):
        text = query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
            return field_problem(f"{name}: must be a number not less than {least}.")
        numbers[name] = int(text)
    offset, limit = numbers["offset"], min(numbers["limit"], MAX_LIMIT)
    size = min(limit, call.switches.page_size or limit)
    page = _page(call, entries, offset, size)

    address = "/".join((call.request.base_url, *call.request.segments))
    other_parameters = {name: value for name, value in query.items() if name not in numbers}

    def at(position: int, start: str = address) -> JsonObject:
        return {"href": f"{start}?{urlencode({**other_parameters, 'offset': position, 'limit': limit})}"}

    last = (len(entries) - 1) // limit * limit if entries else 0
    links = {"first": at(0), "last": at(last)}
    following = offset + (len(page) or size)
    match call.switches.next_link:
        case _ if offset >= len(entries) or (page and following >= len(entries)):
            pass
        case "right":
            links["next"] = at(following)
        case "documented":
            # As the vendor's pages for order contacts and order items print it; the offset is wrong there.
            links["next"] = {"href": f"{address}?{urlencode({**other_parameters, 'offset': 1, 'limit': 10})}"}
        case "same":
            links["next"] = at(offset)
        case "elsewhere":
            links["next"] = at(following, "https://elsewhere.example/v2.1/page")
    if offset > 0:
        links["prev"] = at(max(0, offset - limit))
    if call.switches.link_names == "capitalised":
        links = {name.capitalize(): link for name, link in links.items()}
    envelope: JsonObject = {**at(offset), "offset": offset, "limit": limit, **links}
    return as_json(200, {**envelope, "items": [show(entry) for entry in page]})


def _page(call: Call, entries: Sequence[T], offset: int, size: int) -> Sequence[T]:
    """The entries of one page, according to the switch `paging`.

    `shuffled`: each request sorts the list differently. `overlapping`: a page begins with the last entry of
    the previous page. `gap`: every page after the first is empty and links to a next page.
    """
    match call.switches.paging:
        case "shuffled" if entries:
            turn = call.tx.number_of_requests() % len(entries)
            entries = [*entries[turn:], *entries[:turn]]
        case "overlapping" if offset:
            return entries[offset - 1 : offset - 1 + size]
        case "gap" if offset:
            return ()
    return entries[offset : offset + size]


def in_order(
    call: Call, refs: list[str], attributes: dict[str, str], record: Callable[[str], JsonObject | None]
) -> list[str] | Answer:
    """The references, sorted by the query parameter `sort`: `attribute::ASC` or `attribute::DESC`
    (vendor: Guest API).

    `attributes` maps each sortable attribute to its field. A record without the field comes first. Attribute
    and direction are case-sensitive. The answer is a 400 for any other value; the vendor does not document
    this case.
    """
    asked = call.request.query.get("sort")
    if asked is None:
        return refs
    attribute, _, direction = asked.partition("::")
    if attribute not in attributes or direction not in _DIRECTIONS:
        return field_problem(f"sort: must be one of {', '.join(attributes)} with ::ASC or ::DESC.")
    field = attributes[attribute]

    def value(ref: str) -> str:
        return str((record(ref) or {}).get(field) or "")

    return sorted(refs, key=value, reverse=_DIRECTIONS[direction])
