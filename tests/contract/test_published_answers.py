"""Every variant of the vendor's answers, published or legacy, is understood."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.errors import CdpError, CdpInvalid, CdpNotFound, CdpUnauthorized
from tests.contract import published
from tests.support.cdp_clients import client_of, failed_create, far_deadline
from tests.support.scripted_servers import Peer, Serve, always, answer

GUEST_REF = "f7aabbca-1c1b-4fc2-be72-3e16294a4f03"
CONSUMERS = f"{published.HOST}/v2.1/orderConsumers"
# The published examples give one reference to the order and to its consumer, which is never believed.
ANOTHER_ORDER = "b2f2d1d0-0000-4000-8000-00000000000a"


def created(url: str) -> OrderConsumer:
    """The published person, created on an order of another reference than the answer has."""
    client = client_of(url)
    return client.create_order_consumer(
        ANOTHER_ORDER, NewConsumer("John", "Doe"), deadline=far_deadline()
    ).consumer


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [published.CREATED, published.LEGACY], ids=["published", "legacy"])
def test_created_consumer_is_read_whole(serve: Serve, status: int, body: published.JSON) -> None:
    server = serve(always(answer(status, body)))
    for consumer in (
        created(server.url),
        client_of(server.url).retrieve_order_consumer(body["ref"].upper()),
    ):
        assert (consumer.ref, consumer.href) == (body["ref"], body["href"])
        assert (consumer.title, consumer.first_name, consumer.last_name) == ("Mr", "John", "Doe")
        assert (consumer.gender, consumer.nationality, consumer.country) == ("male", "Irish", "IE")
        assert consumer.emails == ("john.doe@gmail.com",)
        assert consumer.phone_numbers == ("+353161123345", "+353161123346")
        assert consumer.passport_number == "PZ4A9565"
        assert consumer.date_of_birth == dt.date.fromisoformat(body["dateOfBirth"][:10])
        assert consumer.order_href == body["order"]["href"]
        assert len(consumer.order_items) == 1
        assert consumer.order_items[0].endswith("/orderItems/111d106a-feff-42b2-90fb-a6ed136ec333")
        assert consumer.guest_ref == GUEST_REF
        assert consumer.identifiers == ()
    assert (consumer.created_at is None) is ("createdAt" not in body)


@pytest.mark.parametrize(
    "odd",
    [
        {"identifiers": [{"provider": "ProfileSystem", "id": "B7524AE6", "expiryDate": None}]},
        {"guest": None, "order": None, "orderItems": None},
        {"guest": {}, "order": {}, "orderItems": {}},
        {"orderItems": {"href": "https://h/items"}},
        {"orderItems": {"orderItems": [], "items": None}},
        {"dateOfBirth": "not a date", "createdAt": "not a moment"},
        {"ref": "2D7DE9DF-45A2-45EA-872C-30E45139007D"},
        {"unknownField": {"nested": [1, 2, 3]}},
    ],
)
def test_what_is_odd_beside_the_reference_does_no_harm(serve: Serve, odd: dict[str, Any]) -> None:
    server = serve(always(answer(200, {**published.CREATED, **odd})))
    consumer = created(server.url)
    assert consumer.ref.lower() == published.CREATED["ref"]
    assert consumer.identifiers == (
        (Identifier("ProfileSystem", "B7524AE6"),) if "identifiers" in odd else ()
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "field"),
    [
        (401, published.UNAUTHORIZED, CdpUnauthorized, ""),
        (401, {**published.UNAUTHORIZED, "status": 401}, CdpUnauthorized, ""),
        (400, published.INVALID_ORDER_WORDING, CdpInvalid, "firstName"),
        (400, {**published.INVALID_ORDER_WORDING, "status": "BAD_REQUEST"}, CdpInvalid, "firstName"),
        (400, published.INVALID_GUEST_WORDING, CdpInvalid, ""),
        (400, published.MALFORMED, CdpInvalid, ""),
        (404, published.NOT_FOUND, CdpNotFound, ""),
    ],
)
def test_published_error_is_typed(
    serve: Serve, status: int, body: published.JSON, kind: type[CdpError], field: str
) -> None:
    server = serve(always(answer(status, body)))
    error = failed_create(client_of(server.url))
    assert type(error) is kind
    assert (error.outcome, error.http_status, error.field) == ("rejected", status, field)
    assert error.vendor_message == body["message"]
    assert published.CLIENT_KEY_IN_ANSWER not in repr(vars(error)) + str(error)


@pytest.mark.parametrize(
    "envelope",
    [
        {"items": [{"ref": "a"}, {"ref": "b"}]},
        {"items": [{"href": f"{CONSUMERS}/a"}, {"href": f"{CONSUMERS}/b"}]},
        {"items": [{**published.CREATED, "ref": "a"}, {**published.LEGACY, "ref": "b"}]},
        {
            "Items": [{"Ref": "a", "Href": f"{CONSUMERS}/a"}, {"REF": "b"}],
            "First": {"Href": "x"},
            "Next": None,
        },
        {
            "href": "x",
            "offset": 0,
            "limit": 10,
            "first": {"href": "x"},
            "items": [{"ref": "a"}, {"ref": "b"}],
        },
    ],
    ids=["references", "links", "expanded", "capitals", "envelope"],
)
def test_every_published_form_of_a_list_is_read(serve: Serve, envelope: dict[str, Any]) -> None:
    def script(peer: Peer) -> None:
        while request := peer.read_request():
            peer.send(answer(200, {"items": []} if "offset=" in request.target else envelope))

    server = serve(script)
    assert client_of(server.url).observe_order_consumers(published.ORDER_REF).refs == ("a", "b")


def test_published_order_is_read(serve: Serve) -> None:
    server = serve(always(answer(200, published.ORDER)))
    order = client_of(server.url).retrieve_order(published.ORDER_REF)
    assert (order.ref, order.href, order.reference_id) == (
        published.ORDER_REF,
        published.ORDER["href"],
        "B94TXY-1",
    )
    assert order.ordered_at == dt.datetime(2024, 1, 1, 16, 17, 16, tzinfo=dt.UTC)
    assert order.created_at == order.modified_at == dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert (order.price, order.currency_code, order.status) == (Decimal("100.1"), "EUR", "PARTIALY_CONFIRMED")
    assert (order.channel, order.point_of_sale) == ("WEB", "myretailsite.ie")
    assert (order.payment_type, order.card_type) == ("Card", "Visa")


def test_published_guest_is_read(serve: Serve) -> None:
    server = serve(always(answer(200, published.GUEST)))
    guest = client_of(server.url).retrieve_guest(GUEST_REF)
    assert (guest.ref, guest.guest_type, guest.email) == (GUEST_REF, "traveller", "john.doe@gmail.com")
    assert guest.date_of_birth == dt.date(1991, 1, 1)
    assert guest.passport_expiry == dt.date(2031, 1, 1)
    assert guest.last_seen == dt.datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=dt.UTC)
    assert guest.identifiers == (Identifier("ProfileSystem", "B7524AE6"),)
    assert (guest.street, guest.city, guest.state) == (("Main Street",), "Dublin", "Leinster")
    assert (guest.post_code, guest.country, guest.language) == ("D02", "IE", "EN")
