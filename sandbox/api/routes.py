"""The operations of the API that the sandbox implements, and their answers without a fault."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sandbox.api.answers import Answer, as_json, field_problem, unsupported_media_type
from sandbox.api.calls import Call
from sandbox.api.paging import collection, in_order
from sandbox.api.resources import (
    PERSON_FIELDS,
    consumer_json,
    contact_json,
    guest_json,
    item_json,
    item_refs,
    link_only,
    order_json,
    ref_and_link,
)
from sandbox.api.validation import first_problem, read_json_object
from sandbox.data import identity_rules
from sandbox.data.store import JsonObject, StoredConsumer
from sandbox.options import Switches

CREATE = "create_order_consumer"
UPDATE = "update_order_consumer"
LIST = "list_order_consumers"


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path; `{ref}` matches one segment. An `update` needs the switch `updates`."""

    operation: str
    method: str
    path: str
    handle: Callable[[Call], Answer]
    update: bool = False

    def ref_in(self, segments: tuple[str, ...]) -> str | None:
        """The reference in a path that this route matches (empty if it has none); None for any other path."""
        pattern = self.path.split("/")[1:]
        if len(pattern) != len(segments):
            return None
        ref = ""
        for expected, actual in zip(pattern, segments, strict=True):
            if expected == "{ref}" and actual:
                ref = actual
            elif expected != actual:
                return None
        return ref


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, and the reference in its path."""

    route: Route
    ref: str


def resolve(method: str, segments: tuple[str, ...], switches: Switches) -> Found | tuple[str, ...]:
    """The route of a request, or else the methods that its path allows: none for an unknown path."""
    on_path = [
        Found(route, ref)
        for route in ROUTES
        if (ref := route.ref_in(segments)) is not None and (switches.updates or not route.update)
    ]
    by_method = {found.route.method: found for found in on_path}
    return by_method.get(method) or tuple(by_method)


def create_order_consumer(call: Call) -> Answer:
    """Add a consumer to an order (vendor: create-order-consumer page). Two equal calls make two consumers."""
    body = _json_in(call)
    if isinstance(body, Answer):
        return body
    if call.tx.order(call.ref) is None:
        return call.not_found_answer("Order")
    if problem := first_problem(body, now=call.now):
        return problem

    found = identity_rules.match(call.tx, body, call.options.identity_providers)
    guest_ref, matched_by = found or (_new_traveller(call, body), "")
    consumer = StoredConsumer(
        ref=str(uuid.uuid4()),
        order_ref=call.ref.lower(),
        guest_ref=guest_ref,
        body=call.request.body.decode("utf-8"),
        guest_effect="matched" if found else "created",
        matched_by=matched_by,
        created_at=call.now,
    )
    call.tx.add_consumer(consumer)
    return replace(as_json(call.switches.create_status, consumer_json(call, consumer)), done=True)


def update_order_consumer(call: Call) -> Answer:
    """Change a consumer: PUT replaces it, PATCH sets the sent fields and removes null ones.

    The vendor documents that an update exists, but not its method. The guest does not change (vendor: rectify
    personal data, where guest and consumers are corrected separately).
    """
    body = _json_in(call)
    if isinstance(body, Answer):
        return body
    stored = call.tx.consumer(call.ref)
    if stored is None:
        return call.not_found_answer("Order consumer")
    text = call.request.body.decode("utf-8")
    if call.request.method == "PATCH":
        body = json.loads(stored.body) | body
        text = json.dumps(body, ensure_ascii=False)
    if problem := first_problem(body, now=call.now):
        return problem
    call.tx.change_consumer(stored.ref, text, call.now)
    changed = replace(stored, body=text, modified_at=call.now)
    return replace(as_json(200, consumer_json(call, changed)), done=True)


def _json_in(call: Call) -> JsonObject | Answer:
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        read_json_object(call.request.body) if media_type == "application/json" else unsupported_media_type()
    )


def _new_traveller(call: Call, body: JsonObject) -> str:
    """Create a guest for a consumer without a match (vendor: understanding transactional data)."""
    ref = str(uuid.uuid4())
    moment = call.now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    person = {name: body[name] for name in (*PERSON_FIELDS, "identifiers") if body.get(name) is not None}
    times = dict.fromkeys(("createdAt", "modifiedAt", "firstSeen", "lastSeen"), moment)
    call.tx.add_guest(ref, {"guestType": "traveller", **times, **person}, identity_rules.guest_keys(person))
    return ref


def list_order_consumers(call: Call) -> Answer:
    """The consumers of an order (vendor: legacy page, and the list of contacts beside it)."""
    if call.tx.order(call.ref) is None:
        return call.not_found_answer("Order")
    lag = timedelta(seconds=call.switches.lag_seconds)
    consumers = [
        one for one in call.tx.consumers(call.ref) if (one.listed_at or one.created_at + lag) <= call.now
    ]
    shape = call.switches.list_items
    if shape == "asked":
        shape = "expanded" if _expand(call) else "links"
    if shape == "expanded":
        return collection(call, consumers, lambda one: consumer_json(call, one))
    item = link_only if shape == "links" else ref_and_link
    return collection(call, consumers, lambda one: item(call, "orderConsumers", one.ref))


def retrieve_order_consumer(call: Call) -> Answer:
    """One consumer (vendor: retrieve-order-consumer page, which documents 201)."""
    consumer = call.tx.consumer(call.ref)
    if consumer is None:
        return call.not_found_answer("Order consumer")
    if call.switches.retrieved == "oldest":
        consumer = call.tx.consumers(consumer.order_ref)[0]
    return as_json(call.switches.retrieve_status, consumer_json(call, consumer))


def list_consumer_items(call: Call) -> Answer:
    """The order items of a consumer: all items of its order, because a create cannot select items."""
    consumer = call.tx.consumer(call.ref)
    if consumer is None:
        return call.not_found_answer("Order consumer")
    refs = item_refs(call, consumer.order_ref)
    return collection(call, refs, lambda ref: link_only(call, "orderItems", ref))


def list_orders(call: Call) -> Answer:
    """Orders by reference id or by guest, exactly one of the two (vendor: list orders).

    `sort` accepts `created`, and `orderedAt` if a guest is given.
    """
    reference_id, guest_ref = call.request.query.get("referenceId"), call.request.query.get("guestRef")
    if bool(reference_id) == bool(guest_ref):
        return field_problem("referenceId: provide exactly one of referenceId and guestRef.")
    if reference_id:
        refs = call.tx.order_refs_by_reference_id(reference_id)
    else:
        refs = call.tx.order_refs_of_guest(guest_ref or "")
    attributes = {"created": "createdAt"} | ({"orderedAt": "orderedAt"} if guest_ref else {})
    ordered = in_order(call, refs, attributes, call.tx.order)
    if isinstance(ordered, Answer):
        return ordered
    refs = ordered
    if _expand(call):
        return collection(call, refs, lambda ref: order_json(call, ref))
    return collection(call, refs, lambda ref: ref_and_link(call, "orders", ref))


def retrieve_order(call: Call) -> Answer:
    """One order; `expand=orderItems` includes whole items (vendor: legacy page)."""
    if call.tx.order(call.ref) is None:
        return call.not_found_answer("Order")
    with_items = call.request.query.get("expand") == "orderItems"
    return as_json(200, order_json(call, call.ref.lower(), with_items=with_items))


def retrieve_order_item(call: Call) -> Answer:
    """One order item. The vendor's lists link to this path but we found no page about it."""
    order_ref = call.tx.order_ref_of_item(call.ref)
    if order_ref is None:
        return call.not_found_answer("Order item")
    return as_json(200, item_json(call, call.ref.lower(), order_ref))


def list_order_contacts(call: Call) -> Answer:
    """The contacts of an order (vendor: retrieve-order-contacts page)."""
    if call.tx.order(call.ref) is None:
        return call.not_found_answer("Order")
    refs = call.tx.contact_refs(call.ref)
    if _expand(call):
        return collection(call, refs, lambda ref: contact_json(call, ref))
    return collection(call, refs, lambda ref: ref_and_link(call, "orderContacts", ref))


def retrieve_order_contact(call: Call) -> Answer:
    """One order contact."""
    if call.tx.contact(call.ref) is None:
        return call.not_found_answer("Order contact")
    return as_json(200, contact_json(call, call.ref.lower()))


def search_guests(call: Call) -> Answer:
    """Guests by e-mail, order or identifier, compared exactly. A guest has to match every condition."""
    query = call.request.query
    provider, value = query.get("identifiers.provider"), query.get("identifiers.id")
    if (provider is None) != (value is None):
        missing = "id" if value is None else "provider"
        return field_problem(f"identifiers.{missing}: provider and id go together.")
    found: list[list[str]] = []
    if "email" in query:
        found.append(call.tx.guest_refs_by_key(identity_rules.email_key(query["email"])))
    if provider is not None and value is not None:
        found.append(call.tx.guest_refs_by_key(identity_rules.identifier_key(provider, value)))
    if "orderRef" in query:
        found.append(call.tx.guest_refs_of_order(query["orderRef"]))
    if "orderReferenceId" in query:
        orders = call.tx.order_refs_by_reference_id(query["orderReferenceId"])
        guests = [guest for order in orders for guest in call.tx.guest_refs_of_order(order)]
        found.append(list(dict.fromkeys(guests)))
    candidates, *others = found or [call.tx.guest_refs()]
    refs = [ref for ref in candidates if all(ref in group for group in others)]
    ordered = in_order(call, refs, _GUEST_ATTRIBUTES, call.tx.guest)
    if isinstance(ordered, Answer):
        return ordered
    refs = ordered
    if _expand(call):
        return collection(call, refs, lambda ref: guest_json(call, ref))
    return collection(call, refs, lambda ref: link_only(call, "guests", ref))


def retrieve_guest(call: Call) -> Answer:
    """One guest (vendor: retrieve-guest page)."""
    if call.tx.guest(call.ref) is None:
        return call.not_found_answer("Guest")
    return as_json(200, guest_json(call, call.ref.lower()))


_GUEST_ATTRIBUTES = {
    name: name
    for name in ("guestType", "createdAt", "modifiedAt", "firstSeen", "lastSeen", "firstName", "lastName")
}


def _expand(call: Call) -> bool:
    return call.request.query.get("expand", "").lower() == "true"


ROUTES = (
    Route(CREATE, "POST", "/v2.1/orders/{ref}/consumers", create_order_consumer),
    Route(LIST, "GET", "/v2.1/orders/{ref}/consumers", list_order_consumers),
    Route("retrieve_order_consumer", "GET", "/v2.1/orderConsumers/{ref}", retrieve_order_consumer),
    Route(UPDATE, "PUT", "/v2.1/orderConsumers/{ref}", update_order_consumer, update=True),
    Route(UPDATE, "PATCH", "/v2.1/orderConsumers/{ref}", update_order_consumer, update=True),
    Route("list_consumer_items", "GET", "/v2.1/orderConsumers/{ref}/orderItems", list_consumer_items),
    Route("list_orders", "GET", "/v2.1/orders", list_orders),
    Route("retrieve_order", "GET", "/v2.1/orders/{ref}", retrieve_order),
    Route("retrieve_order_item", "GET", "/v2.1/orderItems/{ref}", retrieve_order_item),
    Route("list_order_contacts", "GET", "/v2.1/orders/{ref}/contacts", list_order_contacts),
    Route("retrieve_order_contact", "GET", "/v2.1/orderContacts/{ref}", retrieve_order_contact),
    Route("search_guests", "GET", "/v2.1/guests", search_guests),
    Route("retrieve_guest", "GET", "/v2.1/guests/{ref}", retrieve_guest),
)
