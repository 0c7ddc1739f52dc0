"""Looking up orders: what is asked, what is kept, and what is recorded."""

from __future__ import annotations

import datetime
import json
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
import time_machine
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.client import CdpClient, ListedConsumers, ListedOrders
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import CdpNotFound, CdpServerFault, CdpTimeout
from apps.cdp.records import Order
from apps.consumers.models import OrderReading, Outcome
from apps.consumers.order_lookup import lookup, readings
from apps.core import clock
from tests.support.entries import store
from tests.support.people import TESTS

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

REF = "2d7de9df-45a2-45ea-872c-30e45139007d"
ORDER = Order(ref=REF, reference_id="B94TXY-1", status="PURCHASED")
ANN = OrderConsumer(ref="a", first_name="Ann", last_name="Zaphod", date_of_birth=datetime.date(1990, 1, 2))
LISTED = ListedConsumers(("a", "b"), (ANN,), has_ended=True, is_whole=True)


@pytest.fixture
def client() -> MagicMock:
    fake: MagicMock = create_autospec(CdpClient, instance=True, spec_set=True)
    fake.retrieve_order.return_value = ORDER
    fake.read_order_consumers.return_value = LISTED
    return fake


def _orders(*orders: Order, is_whole: bool = True) -> ListedOrders:
    return ListedOrders(orders, is_whole)


def _events() -> list[tuple[str, str | None, dict[str, Any]]]:
    found = AuditEvent.objects.filter(action__startswith="vendor_record").order_by("seq")
    return [
        (one.action, one.order_ref, json.loads(one.data) if isinstance(one.data, str) else one.data)
        for one in found
    ]


def _read(client: MagicMock) -> lookup.OrderRead:
    return lookup.read_order(REF, within=5, guests_shown=3, actor=TESTS, client=client)


@pytest.mark.parametrize(
    ("typed", "existing", "asked"),
    [
        ("B94txy-1", "B94txy-1", ["B94txy-1"]),
        ("b94txy-1", "B94TXY-1", ["b94txy-1", "B94TXY-1"]),
        ("B94TXY-1", "b94txy-1", ["B94TXY-1", "b94txy-1"]),
        ("B94txy-1", "B94TXY-1", ["B94txy-1", "B94TXY-1", "b94txy-1"]),
        ("B94txy-1", "other", ["B94txy-1", "B94TXY-1", "b94txy-1"]),
    ],
)
def test_number_is_asked_as_typed_then_in_upper_and_in_lower_case(
    client: MagicMock, typed: str, existing: str, asked: list[str]
) -> None:
    one = Order(ref=REF, reference_id=existing)
    client.list_orders.side_effect = lambda reference_id, within: (
        _orders(one) if reference_id == existing else _orders()
    )
    found = lookup.find_order(typed, actor=TESTS, client=client)
    assert [call.kwargs["reference_id"] for call in client.list_orders.call_args_list] == asked
    assert found.is_certain is (existing != "other")
    result = {"result": "found", "count": 1} if found.is_certain else {"result": "not_found", "count": 0}
    assert _events() == [
        ("vendor_records.searched", None, {"kind": "order", "by": ["order_number"], **result})
    ]


@pytest.mark.parametrize(
    ("typed", "found", "is_certain"),
    [("Ab1", ["upper", "lower"], False), ("AB1", ["upper"], True), ("ab1", ["lower"], True)],
)
def test_numbers_that_differ_in_case_are_certain_only_as_typed(
    client: MagicMock, typed: str, found: list[str], is_certain: bool
) -> None:
    orders = {"AB1": Order(ref="upper", reference_id="AB1"), "ab1": Order(ref="lower", reference_id="ab1")}
    client.list_orders.side_effect = lambda reference_id, within: (
        _orders(orders[reference_id]) if reference_id in orders else _orders()
    )
    result = lookup.find_order(typed, actor=TESTS, client=client)
    assert ([one.ref for one in result.orders], result.is_certain) == (found, is_certain)


def test_order_whose_reference_is_spelled_in_two_ways_is_one_order(client: MagicMock) -> None:
    orders = {"AB1": Order(ref=REF.upper(), reference_id="aB1"), "ab1": Order(ref=REF, reference_id="aB1")}
    client.list_orders.side_effect = lambda reference_id, within: (
        _orders(orders[reference_id]) if reference_id in orders else _orders()
    )
    found = lookup.find_order("Ab1", actor=TESTS, client=client)
    assert ([one.ref for one in found.orders], found.is_certain) == ([REF.upper()], True)


def test_vendor_that_ignores_case_returns_the_exact_number_only(client: MagicMock) -> None:
    client.list_orders.return_value = _orders(
        Order(ref="upper", reference_id="AB1"),
        Order(ref="lower", reference_id="ab1"),
        Order(ref="without"),
    )
    result = lookup.find_order("ab1", actor=TESTS, client=client)
    assert ([one.ref for one in result.orders], result.is_certain) == (["lower"], True)


def test_order_with_another_number_is_left_out_and_one_without_is_not_certain(client: MagicMock) -> None:
    client.list_orders.return_value = _orders(Order(ref="x", reference_id="B94TXY-10"), Order(ref=REF))
    found = lookup.find_order("B94TXY-1", actor=TESTS, client=client)
    assert ([one.ref for one in found.orders], found.is_certain) == ([REF], False)


def test_order_of_a_list_that_may_lack_another_one_is_not_certain(client: MagicMock) -> None:
    client.list_orders.return_value = _orders(ORDER, is_whole=False)
    found = lookup.find_order(ORDER.reference_id, actor=TESTS, client=client)
    assert (found.orders, found.is_certain) == ((ORDER,), False)


def test_order_is_not_certain_if_the_list_of_another_spelling_may_lack_one(client: MagicMock) -> None:
    client.list_orders.side_effect = [_orders(is_whole=False), _orders(ORDER)]
    found = lookup.find_order(ORDER.reference_id.lower(), actor=TESTS, client=client)
    assert (found.orders, found.is_certain) == ((ORDER,), False)


def test_empty_list_that_may_lack_an_order_is_not_recorded_as_not_found(client: MagicMock) -> None:
    client.list_orders.return_value = _orders(is_whole=False)
    assert lookup.find_order("B94TXY-1", actor=TESTS, client=client).orders == ()
    assert _events()[0][2]["result"] == "list_not_whole"


def test_failed_lookup_is_recorded(client: MagicMock) -> None:
    client.list_orders.side_effect = CdpTimeout("total_timeout")
    with pytest.raises(CdpTimeout):
        lookup.find_order("B94TXY-1", actor=TESTS, client=client)
    assert _events()[0][2]["result"] == "total_timeout"
    assert not OrderReading.objects.exists()


def test_lookup_ends_after_its_limit_including_all_spellings(client: MagicMock) -> None:
    client.list_orders.return_value = _orders()
    lookup.find_order("x1", actor=TESTS, client=client)
    limits = [call.kwargs["within"] for call in client.list_orders.call_args_list]
    assert lookup.LOOKUP_SECONDS >= limits[0] >= limits[1] > lookup.LOOKUP_SECONDS - 1


def test_reading_is_kept_encrypted_and_read_back(client: MagicMock) -> None:
    read = _read(client)
    assert (read.order, read.listed, read.list_error) == (ORDER, LISTED, "")
    row = OrderReading.objects.get()
    assert (row.order, row.listed) == (ORDER, LISTED)
    assert b"Zaphod" not in bytes(row.encrypted_data)
    facts = {"kind": "order", "result": "found", "shown": 1, "consumers": ["a"]}
    assert _events() == [("vendor_record.viewed", REF, facts)]


def test_current_reading_is_used_without_a_call_and_recorded(client: MagicMock) -> None:
    _read(client)
    _read(client)
    assert client.retrieve_order.call_count == client.read_order_consumers.call_count == 1
    assert len(_events()) == 2


@pytest.mark.parametrize("listed", [LISTED, None])
def test_order_whose_list_is_not_whole_is_read_again(client: MagicMock, listed: object) -> None:
    client.read_order_consumers.return_value = ListedConsumers(
        ("a",), (ANN,), has_ended=False, is_whole=False
    )
    if listed is None:
        client.read_order_consumers.side_effect = CdpServerFault("http_500")
    read = _read(client)
    assert read.list_error == ("http_500" if listed is None else "")
    _read(client)
    assert client.retrieve_order.call_count == 2
    assert OrderReading.objects.count() == 1


def test_unknown_order_is_recorded_and_not_kept(client: MagicMock) -> None:
    client.retrieve_order.side_effect = CdpNotFound
    with pytest.raises(CdpNotFound):
        _read(client)
    assert _events() == [("vendor_record.viewed", REF, {"kind": "order", "result": "not_found"})]
    assert not OrderReading.objects.exists()


@pytest.mark.parametrize(
    ("seconds", "is_current", "is_kept"), [(59, True, True), (61, False, True), (601, False, False)]
)
def test_reading_stands_for_a_minute_and_is_kept_for_ten(
    client: MagicMock, seconds: int, is_current: bool, is_kept: bool
) -> None:
    with time_machine.travel(0, tick=False) as now:
        _read(client)
        now.shift(seconds)
        reading = readings.find_reading(REF.upper().replace("-", ""))
        assert (reading is not None) is is_kept
        assert (reading is not None and readings.is_current(reading)) is is_current
        assert readings.delete_expired_readings() == (0 if is_kept else 1)


@pytest.mark.parametrize(("seconds", "is_kept"), [(1, True), (3600, False)])
def test_reading_from_before_the_clock_was_set_back_is_old(
    client: MagicMock, seconds: int, is_kept: bool
) -> None:
    with time_machine.travel(1_000_000, tick=False) as now:
        _read(client)
        stored = OrderReading.objects.get()
        now.shift(-seconds)
        assert not readings.is_current(stored)
        assert readings.find_reading(REF) == (stored if is_kept else None)
        assert readings.delete_expired_readings() == (0 if is_kept else 1)


def test_reading_from_before_the_clock_was_set_back_is_replaced(client: MagicMock) -> None:
    with time_machine.travel(1_000_000, tick=False) as now:
        _read(client)
        now.shift(-3600)
        _read(client)
        assert client.retrieve_order.call_count == 2
        assert OrderReading.objects.get().read_at == clock.now()


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.UNKNOWN, Outcome.SENDING])
def test_reading_before_a_submission_to_the_order_is_not_current(
    client: MagicMock, staff: User, outcome: Outcome
) -> None:
    _read(client)
    reading = readings.find_reading(REF)
    assert reading is not None
    assert readings.is_current(reading)
    store(staff, outcome, order_ref=REF.upper())
    assert not readings.is_current(reading)


def test_submission_that_ended_before_the_reading_does_not_matter(client: MagicMock, staff: User) -> None:
    past = clock.now() - datetime.timedelta(minutes=5)
    store(staff, Outcome.CREATED, order_ref=REF, submitted_at=past, finished_at=past)
    _read(client)
    reading = readings.find_reading(REF)
    assert reading is not None
    assert readings.is_current(reading)


def test_search_by_number_updates_the_order_and_keeps_the_consumers(client: MagicMock) -> None:
    _read(client)
    cancelled = Order(ref=REF, reference_id="B94TXY-1", status="CANCELLED")
    client.list_orders.return_value = _orders(cancelled)
    lookup.find_order("B94TXY-1", actor=TESTS, client=client)
    row = OrderReading.objects.get()
    assert (row.order, row.listed) == (cancelled, LISTED)


def test_nothing_is_found_where_lookups_are_off(client: MagicMock, settings: Settings) -> None:
    _read(client)
    settings.CDP_ORDER_PAGES = False
    assert readings.find_reading(REF) is None
