"""One call, one event: the services' calls to the client, and what they record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from django.db import connection
from django.test import override_settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.client import CdpClient, ListedConsumers, ListedGuests, ListedOrders
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import CdpError, CdpNotFound, CdpServerFault, CdpTimeout
from apps.cdp.records import Guest, Order
from apps.core.actor import Actor
from apps.orders import services
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

REF = "2D7de9df-45a2-45ea-872c-30e45139007d"
ANNA = Actor(id="17", name="Anna Keller", roles=("staff",))


@pytest.fixture
def client() -> MagicMock:
    fake: MagicMock = create_autospec(CdpClient, instance=True, spec_set=True)
    return fake


def _event() -> AuditEvent:
    """The only event of the test."""
    event: AuditEvent = AuditEvent.objects.get()
    return event


def _data(event: AuditEvent) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(event.data) if isinstance(event.data, str) else event.data
    return data


def test_order_is_returned_with_its_consumers_and_one_event(client: MagicMock) -> None:
    client.retrieve_order.return_value = Order(ref=REF)
    listed = ListedConsumers(("a", "b"), (OrderConsumer("a"),), has_ended=True, is_whole=True)
    client.read_order_consumers.return_value = listed
    found = services.read_order(REF, actor=ANNA, client=client)
    assert (found.order, found.listed, found.list_error) == (Order(ref=REF), listed, "")
    event = _event()
    assert (event.action, event.actor_id, event.order_ref) == ("vendor_record.viewed", "17", REF)
    assert _data(event) == {"kind": "order", "result": "found", "shown": 1, "consumers": ["a"]}


@override_settings(CDP_TOTAL_TIMEOUT=30.0)
def test_list_of_consumers_gets_only_the_remaining_time(client: MagicMock) -> None:
    client.retrieve_order.return_value = Order(ref=REF)
    client.read_order_consumers.side_effect = CdpTimeout
    services.read_order(REF, actor=ANNA, client=client)
    [_ref], named = client.read_order_consumers.call_args
    assert 29 < named["within"] < 30


def test_order_whose_consumers_cannot_be_read_is_still_found(client: MagicMock) -> None:
    client.retrieve_order.return_value = Order(ref=REF)
    client.read_order_consumers.side_effect = CdpServerFault("http_503", http_status=503)
    found = services.read_order(REF, actor=ANNA, client=client)
    assert (found.order.ref, found.listed, found.list_error) == (REF, None, "http_503")
    assert _data(_event()) == {"kind": "order", "result": "found"}


@pytest.mark.sql("new")
def test_guest_and_order_consumer_are_recorded_by_their_references(client: MagicMock) -> None:
    client.retrieve_guest.return_value = Guest(ref=REF)
    client.retrieve_order_consumer.return_value = OrderConsumer(ref=REF, guest_ref="g-1")
    assert services.read_guest(REF, actor=ANNA, client=client) == Guest(ref=REF)
    assert services.read_order_consumer(REF, actor=ANNA, client=client).guest_ref == "g-1"
    guest, consumer = AuditEvent.objects.order_by("seq")
    assert (guest.guest_ref, guest.consumer_ref) == (REF, None)
    assert _data(guest) == {"kind": "guest", "result": "found"}
    assert (consumer.guest_ref, consumer.consumer_ref) == (None, REF)
    assert _data(consumer) == {"kind": "order_consumer", "result": "found", "guests": ["g-1"]}


@pytest.mark.parametrize("orders", [(), (Order(ref=REF),)])
def test_search_for_the_orders_of_a_guest_names_the_guest_if_it_found_some(
    client: MagicMock, orders: tuple[Order, ...]
) -> None:
    client.list_orders.return_value = ListedOrders(orders, is_whole=True)
    services.search_orders(guest_ref="g-1", actor=ANNA, client=client)
    assert _data(_event()).get("guests") == (["g-1"] if orders else None)


@pytest.mark.parametrize("error", [CdpNotFound(http_status=404), CdpTimeout("read_timeout")])
@pytest.mark.parametrize("record", ["order", "guest", "order_consumer"])
def test_failure_is_raised_and_recorded_by_its_code(client: MagicMock, record: str, error: CdpError) -> None:
    getattr(client, f"retrieve_{record}").side_effect = error
    look_up: Callable[..., object] = getattr(services, f"read_{record}")
    with pytest.raises(type(error)):
        look_up(REF, actor=ANNA, client=client)
    assert _data(_event()) == {"kind": record, "result": error.code}


def test_search_is_recorded_by_its_kinds_and_never_its_values(client: MagicMock) -> None:
    client.list_orders.return_value = ListedOrders((Order(ref=REF), Order(ref=REF)), is_whole=True)
    found = services.search_orders(order_number="B94TXY-1", actor=ANNA, client=client)
    assert len(found.orders) == 2
    client.list_orders.assert_called_once_with(reference_id="B94TXY-1", guest_ref="")
    event = _event()
    assert _data(event) == {"kind": "order", "by": ["order_number"], "result": "found", "count": 2}
    assert (event.action, event.order_ref, event.guest_ref) == ("vendor_records.searched", None, None)


def test_search_for_a_guests_orders_without_a_hit_is_recorded(client: MagicMock) -> None:
    client.list_orders.return_value = ListedOrders((), is_whole=True)
    assert services.search_orders(guest_ref=REF, actor=ANNA, client=client).orders == ()
    assert _data(_event()) == {"kind": "order", "by": ["guest_ref"], "result": "not_found", "count": 0}


def test_empty_list_that_may_lack_records_is_not_recorded_as_not_found(
    client: MagicMock, staff: User
) -> None:
    actor = acting(staff)
    client.list_orders.return_value = ListedOrders((), is_whole=False)
    client.search_guests.return_value = ListedGuests((), is_whole=False)
    assert not services.search_orders(order_number="B94TXY-1", actor=actor, client=client).is_whole
    assert not services.search_guests(email="a@example.com", actor=actor, client=client).is_whole
    searches = AuditEvent.objects.filter(action="vendor_records.searched").order_by("seq")
    results = [_data(event)["result"] for event in searches]
    assert results == ["list_not_whole", "list_not_whole"]


@pytest.mark.sql("new")
def test_failed_search_is_recorded_by_its_code(client: MagicMock) -> None:
    client.list_orders.side_effect = CdpTimeout("total_timeout")
    with pytest.raises(CdpTimeout):
        services.search_orders(order_number="B94TXY-1", actor=ANNA, client=client)
    assert _data(_event()) == {"kind": "order", "by": ["order_number"], "result": "total_timeout"}


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_during_the_call(client: MagicMock) -> None:
    AuditEvent.objects.count()
    assert connection.connection is not None
    held: list[object] = []

    def answer(ref: str) -> Guest:
        held.append(connection.connection if connection.vendor != "sqlite" else None)  # SQLite has no pool
        return Guest(ref=ref)

    client.retrieve_guest.side_effect = answer
    services.read_guest(REF, actor=ANNA, client=client)
    assert held == [None]


@pytest.mark.sql("repeated")
def test_unrecorded_view_is_not_shown(client: MagicMock, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(event: object, **_refs: object) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr(services, "record_shown", broken)
    with pytest.raises(RuntimeError):
        services.read_guest(REF, actor=ANNA, client=client)
