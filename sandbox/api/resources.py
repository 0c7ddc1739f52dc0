"""The JSON of orders, contacts, consumers and guests, alone and in collections."""

import json
from urllib.parse import urlencode

from sandbox.api.calls import Call
from sandbox.api.paging import DEFAULT_LIMIT
from sandbox.api.validation import FIELDS, parse_moment
from sandbox.data.store import JsonObject, StoredConsumer

PERSON_FIELDS = tuple(field for field in FIELDS if field != "identifiers")


def order_json(call: Call, ref: str, *, with_items: bool = False) -> JsonObject:
    """An order (vendor: update-order and create-order pages), with links to its items or with whole items."""
    body = call.tx.order(ref) or {}
    items = (
        [item_json(call, item, ref) for item in item_refs(call, ref)]
        if with_items
        else _item_links(call, ref)
    )
    return {
        "ref": ref,
        "href": call.url("orders", ref),
        **body,
        "contacts": {"href": call.url("orders", ref, "contacts")},
        "consumers": {"href": call.url("orders", ref, "consumers")},
        "orderItems": {"items": items},
    }


def contact_json(call: Call, ref: str) -> JsonObject:
    """An order contact: the guest's personal fields and the two links (vendor: legacy order contact)."""
    order_ref, guest_ref = call.tx.contact(ref) or ("", "")
    return {
        "ref": ref,
        "href": call.url("orderContacts", ref),
        **_person(call.tx.guest(guest_ref) or {}, "%Y-%m-%dT%H:%M:%SZ"),
        "order": {"href": call.url("orders", order_ref)},
        "guest": {"href": call.url("guests", guest_ref)},
    }


def consumer_json(call: Call, stored: StoredConsumer) -> JsonObject:
    """An order consumer (vendor: create-order-consumer page).

    The current flavour has no identifiers and no dates, has its items under `orderItems`, and links to the
    list of the guest's orders. The legacy flavour has dates, has its items under `items`, and links to the
    order. The switch `created_at` adds `createdAt` to both flavours, as a date or as a number, or removes it.
    """
    legacy = call.switches.flavour == "legacy"
    dated = {"flavour": legacy, "never": False}.get(call.switches.created_at, True)
    items = _item_links(call, stored.order_ref)
    times = (stored.created_at, stored.modified_at or stored.created_at)
    created, modified = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in times)
    as_number = call.switches.created_at == "number"
    by_guest = urlencode({"guestRef": stored.guest_ref, "offset": 1, "limit": DEFAULT_LIMIT})
    order_href = call.url("orders", stored.order_ref) if legacy else f"{call.url('orders')}?{by_guest}"
    return {
        "ref": stored.ref,
        "href": call.url("orderConsumers", stored.ref),
        **({"createdAt": round(times[0].timestamp() * 1000) if as_number else created} if dated else {}),
        **({"modifiedAt": modified} if legacy else {}),
        **_person(json.loads(stored.body), "%Y-%m-%dT%H:%M:%SZ"),
        "orderItems": {"items" if legacy else "orderItems": items},
        "order": {"href": order_href},
        "guest": {"href": call.url("guests", stored.guest_ref)},
    }


def guest_json(call: Call, ref: str) -> JsonObject:
    """A guest. Its dates include milliseconds (vendor: Guest API)."""
    body = call.tx.guest(ref) or {}
    person = _person(body, "%Y-%m-%dT%H:%M:%S.000Z")
    emails = person.get("emails")
    first = {"email": emails[0]} if isinstance(emails, list) and emails else {}
    return {"ref": ref, "href": call.url("guests", ref), **body, **person, **first}


def item_refs(call: Call, order_ref: str) -> list[str]:
    """References of an order's items."""
    refs = (call.tx.order(order_ref) or {}).get("orderItems")
    return refs if isinstance(refs, list) else []


def link_only(call: Call, collection: str, ref: str) -> JsonObject:
    """An item of a collection of guests or consumers: only a link."""
    return {"href": call.url(collection, ref)}


def ref_and_link(call: Call, collection: str, ref: str) -> JsonObject:
    """An item of a collection of orders or order contacts: reference and link."""
    return {"ref": ref, "href": call.url(collection, ref)}


def item_json(call: Call, ref: str, order_ref: str) -> JsonObject:
    """An order item. The vendor documents only its links for this API."""
    return {**ref_and_link(call, "orderItems", ref), "order": {"href": call.url("orders", order_ref)}}


def _item_links(call: Call, order_ref: str) -> list[JsonObject]:
    return [link_only(call, "orderItems", ref) for ref in item_refs(call, order_ref)]


def _person(body: JsonObject, date_format: str) -> JsonObject:
    person = {name: body[name] for name in PERSON_FIELDS if body.get(name) is not None}
    born = person.get("dateOfBirth")
    moment = parse_moment(born) if isinstance(born, str) else None
    if moment is not None:
        # strftime omits the leading zeros of a year before 1000
        person["dateOfBirth"] = f"{moment.year:04}" + moment.strftime(date_format.removeprefix("%Y"))
    return person
