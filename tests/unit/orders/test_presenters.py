"""The vendor's records as rows, lines and links."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from unittest.mock import create_autospec

import pytest
from django.template.loader import render_to_string

from apps.cdp.client import CdpClient, ListedConsumers
from apps.cdp.consumers import Identifier, OrderConsumer
from apps.cdp.records import Guest, Order
from apps.consumers.copying import consumer_key
from apps.consumers.presenters.order_panel import ConsumerLine, consumer_lines, consumers_text
from apps.consumers.presenters.prices import price
from apps.consumers.viewer import UNRESTRICTED
from apps.orders import presenters

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
GUEST = "F6FADFA7-E5C1-4B62-9362-DA5CC13DA58A"
CONSUMER = "670c1cd3-5555-4e31-84be-37c1dfe6c55b"
NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def client() -> CdpClient:
    """A client that owns the links of example.com."""
    fake: CdpClient = create_autospec(CdpClient, instance=True, spec_set=True)
    fake.is_own_link.side_effect = lambda href: href.startswith("https://example.com/")  # type: ignore[attr-defined]
    return fake


def _values(rows: list[presenters.Row]) -> dict[str, tuple[str, ...]]:
    return {row.label: row.values for row in rows}


def _order(ref: str, number: str = "", year: int | None = None) -> Order:
    ordered_at = dt.datetime(year, 3, 7, tzinfo=dt.UTC) if year else None
    return Order(ref=ref, reference_id=number, ordered_at=ordered_at)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1904.2", "EUR", f"EUR{NBSP}1,904.20"),
        ("88", "EUR", f"EUR{NBSP}88.00"),
        ("0.005", "KWD", f"KWD{NBSP}0.005"),
        ("1E+3", "", "1,000.00"),
        ("-12.5", "GBP", f"GBP{NBSP}-12.50"),
        ("0.33333333333333333333333333333", "EUR", f"EUR{NBSP}0.33333333333333333333333333333"),
        ("123456789012345678.123456789012345678901", "", "123,456,789,012,345,678.123456789012345678901"),
    ],
)
def test_price_has_its_currency_and_all_digits(amount: str, currency: str, shown: str) -> None:
    assert price(Order(ref=ORDER, price=Decimal(amount), currency_code=currency)) == shown


def test_order_without_a_price_shows_none() -> None:
    assert price(Order(ref=ORDER, currency_code="EUR")) == ""


def test_hits_come_newest_first_and_those_without_a_date_last() -> None:
    lines = presenters.order_lines([_order("old", year=2024), _order("none"), _order("new", year=2026)])
    assert [line.ref for line in lines] == ["new", "old", "none"]


def _lines(ref: str) -> tuple[ConsumerLine, ...]:
    listed = ListedConsumers((ref,), (OrderConsumer(ref=ref),), has_ended=True, is_whole=True)
    return consumer_lines(listed, [], UNRESTRICTED, order_ref=ORDER)


def test_hit_links_to_the_order_and_to_the_form_filled_for_it() -> None:
    [line] = presenters.order_lines([_order(ORDER)])
    assert (line.url, line.add_url) == (f"/orders/{ORDER}/", f"/consumers/new/?order={ORDER}")


def test_reference_without_uuid_shape_is_shown_without_a_link() -> None:
    [line] = presenters.order_lines([_order("order/../1")])
    assert (line.ref, line.url, line.add_url) == ("order/../1", "", "")
    [consumer] = _lines("x")
    assert (consumer.ref, consumer.url) == ("x", "")


def test_reused_order_number_is_detected_and_several_numbers_are_not() -> None:
    same = presenters.order_lines([_order(ORDER, "A-1"), _order(GUEST, "A-1")])
    different = presenters.order_lines([_order(ORDER, "A-1"), _order(GUEST, "A-2"), _order(CONSUMER)])
    assert presenters.has_shared_number(same)
    assert not presenters.has_shared_number(different)


def test_consumers_of_a_list_link_back_to_their_order() -> None:
    [line] = _lines(CONSUMER)
    assert line.url == f"/order-consumers/{CONSUMER}/?order={ORDER}"


def test_guest_fields_are_formatted_and_empty_ones_omitted() -> None:
    guest = Guest(
        ref=GUEST,
        guest_type="customer",
        last_name="Brannigan",
        gender="female",
        date_of_birth=dt.date(1991, 3, 7),
        email="a@example.com",
        emails=("a@example.com", "b@example.com"),
        street=("1 High Street",),
        city="Cork",
        country="IE",
        identifiers=(Identifier("ProfileSystem", "B7"),),
    )
    assert _values(presenters.guest_rows(guest)) == {
        "Guest reference": (GUEST,),
        "Guest type": ("customer",),
        "Last name": ("Brannigan",),
        "Gender": ("Female",),
        "Date of birth": ("7 March 1991",),
        "Email addresses": ("a@example.com", "b@example.com"),
        "Country": ("Ireland (IE)",),
        "Identifiers": ("ProfileSystem: B7",),
        "Address": ("1 High Street", "Cork"),
    }


def test_consumers_guest_is_linked_to_its_page() -> None:
    rows = presenters.consumer_rows(OrderConsumer(ref=CONSUMER, guest_ref=GUEST))
    assert [row.url for row in rows] == ["", f"/guests/{GUEST}/"]


def test_returned_links_are_unchanged_and_only_own_ones_are_followed(client: CdpClient) -> None:
    consumer = OrderConsumer(
        ref=CONSUMER,
        href="https://example.com/c?a=1&b=2",
        order_href="https://elsewhere.example/o",
        guest_href="javascript:alert(1)",
        order_items=("https://example.com/i1", "https://example.com/i2"),
    )
    links = presenters.consumer_links(consumer, client)
    assert [(link.label, link.href, link.own) for link in links] == [
        ("Consumer link", "https://example.com/c?a=1&b=2", True),
        ("Order link", "https://elsewhere.example/o", False),
        ("Guest link", "javascript:alert(1)", False),
        ("Order item link", "https://example.com/i1", True),
        ("Order item link", "https://example.com/i2", True),
    ]


def test_consumer_without_a_name_is_listed_and_one_that_was_not_read_is_not() -> None:
    read = (OrderConsumer(ref="a", first_name="Ann"), OrderConsumer(ref="b"))
    listed = ListedConsumers(("a", "b", "c"), read, has_ended=True, is_whole=True)
    lines = consumer_lines(listed, [], UNRESTRICTED)
    page = render_to_string("consumers/consumers_on_order.html", {"lines": lines})
    assert re.findall(r"<bdi[^>]*>([^<]*)</bdi>", page) == ["Ann", "–"]


@pytest.mark.parametrize(
    ("refs", "read", "has_ended", "is_whole", "text"),
    [
        ("", 0, True, True, "0 consumers"),
        ("a b", 2, True, True, "2 consumers"),
        ("a b", 1, True, True, "1 of 2 read"),
        ("a b", 2, False, False, "2 read; there may be more"),
        # The list was read to its end, but changed meanwhile or came from a cache.
        ("a b", 2, True, False, "2 read; there may be more"),
        ("", 0, True, False, "No consumers read; there may be some"),
    ],
)
def test_number_of_consumers_is_certain_only_if_the_list_is_whole(
    refs: str, read: int, has_ended: bool, is_whole: bool, text: str
) -> None:
    keys = tuple(refs.split())
    consumers = tuple(OrderConsumer(ref=ref) for ref in keys[:read])
    listed = ListedConsumers(keys, consumers, has_ended=has_ended, is_whole=is_whole)
    assert consumers_text(listed) == text


def test_consumer_was_read_however_the_list_and_its_record_spell_the_reference() -> None:
    """What is copied is named as the record is, because the event of a copy names the record."""
    read = (OrderConsumer(ref=CONSUMER, first_name="Ann"),)
    listed = ListedConsumers((CONSUMER.upper(),), read, has_ended=True, is_whole=True)
    [line] = consumer_lines(listed, [], UNRESTRICTED, copied_from=ORDER)
    assert (line.is_read, line.name, line.copy_key) == (True, "Ann", consumer_key(ORDER, CONSUMER))


def test_copy_is_not_offered_where_the_form_would_refuse_it() -> None:
    read = (OrderConsumer(ref=CONSUMER, first_name="Ann"),)
    listed = ListedConsumers((CONSUMER,), read, has_ended=True, is_whole=True)
    keys = {ORDER: f"consumer:{ORDER}/{CONSUMER}", "odd-1": "", ORDER.replace("-", ""): ""}
    for order_ref, key in keys.items():
        [line] = consumer_lines(listed, [], UNRESTRICTED, copied_from=order_ref)
        assert (line.is_read, line.copy_key) == (True, key)
