"""Client and stand-in, which share no code, understand each other: every method, every fault."""

from __future__ import annotations

import base64
import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.consumers import Identifier, NewConsumer
from apps.cdp.errors import CdpError, CdpInvalid, CdpNotFound, CdpUnauthorized
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import client_of, far_deadline

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
ORDER_NUMBER = "B94TXY-1"
FULL = NewConsumer(
    title="Mrs",
    first_name="Zoë",
    last_name="O’Brien",
    gender="female",
    date_of_birth=dt.date(1985, 12, 24),
    emails=("zoe+travel@example.org", "zoe@example.org"),
    phone_numbers=("+353161123345",),
    nationality="Irish",
    passport_number="PZ4A9565",
    country="IE",
    identifiers=(Identifier("ProfileSystem", "new/person+1"),),
)


@dataclass(frozen=True)
class Practice:
    """A running stand-in and its control address."""

    url: str
    client: CdpClient

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Call the control address."""
        data = None if body is None else json.dumps(body).encode()
        pair = base64.b64encode(b"contract-key:contract-token").decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {pair}"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data, headers, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as reply:
            return json.loads(reply.read() or b"null")

    def consumers(self, order: str = ORDER) -> list[dict[str, Any]]:
        """What the stand-in holds for an order."""
        found: list[dict[str, Any]] = self.ask(f"consumers?order={order}")["consumers"]
        return found


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """A stand-in with its own data."""
    with SandboxServer(
        data=tmp_path / "sandbox.sqlite3", client_key="contract-key", api_token="contract-token"
    ) as server:
        client = client_of(server.base_url, read=1, total=10, credentials=("contract-key", "contract-token"))
        yield Practice(server.base_url, client)


def test_full_consumer_is_created_and_read_back(practice: Practice) -> None:
    creation = practice.client.create_order_consumer(ORDER, FULL, deadline=far_deadline())
    assert creation.http_status == 200
    read = practice.client.retrieve_order_consumer(creation.consumer.ref)
    for consumer in (creation.consumer, read):
        assert (consumer.title, consumer.first_name, consumer.last_name) == ("Mrs", "Zoë", "O’Brien")
        assert (consumer.gender, consumer.nationality, consumer.country) == ("female", "Irish", "IE")
        assert (consumer.emails, consumer.phone_numbers) == (FULL.emails, FULL.phone_numbers)
        assert (consumer.date_of_birth, consumer.passport_number) == (FULL.date_of_birth, "PZ4A9565")
        assert practice.client.is_own_link(consumer.href)
        assert consumer.guest_ref
    assert creation.consumer.ref in practice.client.observe_order_consumers(ORDER).refs


def test_minimal_consumer_is_created(practice: Practice) -> None:
    creation = practice.client.create_order_consumer(
        ORDER, NewConsumer("Jane", "Roe"), deadline=far_deadline()
    )
    assert (creation.consumer.first_name, creation.consumer.date_of_birth) == ("Jane", None)


@pytest.mark.parametrize("flavour", ["current", "legacy"])
@pytest.mark.parametrize("status", [200, 201])
def test_both_flavours_and_both_statuses_are_read(practice: Practice, flavour: str, status: int) -> None:
    switches = {"flavour": flavour, "create_status": status, "retrieve_status": status}
    practice.ask("switches", "POST", switches)
    creation = practice.client.create_order_consumer(ORDER, FULL, deadline=far_deadline())
    read = practice.client.retrieve_order_consumer(creation.consumer.ref)
    assert (creation.http_status, read.ref) == (status, creation.consumer.ref)
    assert (read.created_at is not None) is (flavour == "legacy")


@pytest.mark.parametrize("shape", ["asked", "links", "refs", "expanded"])
def test_consumers_are_listed_whole_in_every_shape(practice: Practice, shape: str) -> None:
    practice.ask("switches", "POST", {"list_items": shape})
    made = [
        practice.client.create_order_consumer(ORDER, NewConsumer("Jane", f"Roe {n}"), deadline=far_deadline())
        for n in range(3)
    ]
    refs = practice.client.observe_order_consumers(ORDER).refs
    assert {creation.consumer.ref for creation in made} <= set(refs)
    assert len(refs) == len(set(refs)) == len(practice.consumers())


def test_orders_are_found_by_number_and_by_guest(practice: Practice) -> None:
    (order,) = practice.client.list_orders(reference_id=ORDER_NUMBER).orders
    assert order.ref == ORDER
    assert practice.client.retrieve_order(ORDER) == order
    assert order.price is not None
    assert order.ordered_at is not None
    assert (order.reference_id, bool(order.status), bool(order.currency_code)) == (ORDER_NUMBER, True, True)
    (guest, *_) = practice.client.guests_of_order(ORDER, within=10)
    assert ORDER in {found.ref for found in practice.client.list_orders(guest_ref=guest.ref).orders}
    assert practice.client.list_orders(reference_id="no-such-number").orders == ()


def test_guests_are_found_by_every_criterion(practice: Practice) -> None:
    creation = practice.client.create_order_consumer(ORDER, FULL, deadline=far_deadline())
    guest = practice.client.retrieve_guest(creation.consumer.guest_ref)
    assert (guest.guest_type, guest.first_name, guest.last_name) == ("traveller", "Zoë", "O’Brien")
    by_email = practice.client.search_guests(email="zoe+travel@example.org").guests
    by_identifier = practice.client.search_guests(identifier=FULL.identifiers[0]).guests
    assert [found.ref for found in by_email] == [found.ref for found in by_identifier] == [guest.ref]
    assert practice.client.search_guests(order_reference_id=ORDER_NUMBER).guests
    assert practice.client.search_guests(email="nobody@example.org").guests == ()


def test_what_is_not_there_is_not_found(practice: Practice) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(CdpNotFound):
        practice.client.create_order_consumer(nowhere, FULL, deadline=far_deadline())
    with pytest.raises(CdpNotFound):
        practice.client.retrieve_order(nowhere)
    with pytest.raises(CdpNotFound):
        practice.client.retrieve_order_consumer(nowhere)
    with pytest.raises(CdpNotFound):
        practice.client.retrieve_guest(nowhere)


@pytest.mark.parametrize(
    ("consumer", "field"),
    [
        (NewConsumer("", "Roe"), "firstName"),
        (NewConsumer("Jane", ""), "lastName"),
        (NewConsumer("Jane", "Roe", gender="Female"), "gender"),
        (NewConsumer("Jane", "Roe", date_of_birth=dt.date(2999, 1, 1)), "dateOfBirth"),
    ],
)
def test_refused_field_is_named(practice: Practice, consumer: NewConsumer, field: str) -> None:
    before = practice.consumers()
    with pytest.raises(CdpInvalid) as caught:
        practice.client.create_order_consumer(ORDER, consumer, deadline=far_deadline())
    assert caught.value.field == field
    assert practice.consumers() == before


def test_wrong_credentials_are_told_apart(practice: Practice) -> None:
    stranger = client_of(practice.url, credentials=("contract-key", "wrong"))
    with pytest.raises(CdpUnauthorized):
        stranger.create_order_consumer(ORDER, FULL, deadline=far_deadline())
    with pytest.raises(CdpUnauthorized):
        stranger.retrieve_order(ORDER)


def test_under_every_fault_the_client_sends_once_and_says_nothing_false(practice: Practice) -> None:
    faults = [fault for fault in practice.ask("faults")["known"] if fault["order"]]
    assert len(faults) >= 10
    for fault in faults:
        order = fault["order"]
        sent_before = len(practice.ask("requests")["requests"])
        consumers_before = len(practice.consumers(order))
        try:
            practice.client.create_order_consumer(order, FULL, deadline=far_deadline())
            outcome = "created"
        except CdpError as error:
            outcome = error.outcome
        made = len(practice.consumers(order)) - consumers_before
        posts = practice.ask("requests")["requests"][sent_before:]
        assert len([request for request in posts if request["method"] == "POST"]) == 1, fault
        assert made in {"created": {1}, "rejected": {0}, "not_sent": {0}, "unknown": {0, 1}}[outcome], fault
