"""Parsing values: strict for the used fields, and ignoring the others."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.cdp.answers import (
    MAX_LINK_LENGTH,
    Fields,
    MessageSubject,
    date_part,
    moment,
    parse_json,
    ref_from_href,
    subject_of_message,
)
from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.errors import CdpMalformedAnswer
from apps.cdp.fields import NAME_OF_VENDOR_NAME
from apps.cdp.paging import Page
from apps.cdp.records import Guest, Order
from apps.cdp.refusals import message_of_vendors_error

BIRTHDAY = dt.date(1985, 12, 24)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FILLED = TEXTS.filter(bool)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("ref", "href", "items", "next", "orderItems", "order", "guest", "identifiers", "emails", "street"),
        *("firstName", "dateOfBirth", "createdAt", "passportExpiry", "orderedAt", "price", "message"),
    ]
)
QUICK = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    "written",
    [
        "1985-12-24T00:00:00Z",
        "1985-12-24T00:00Z",
        "1985-12-24T00:00:00.000Z",
        "1985-12-24T23:59:59+14:00",
        "1985-12-24T00:30:00-11:00",
        "1985-12-24T00:00:00.000+0000",
        "1985-12-24",
        "19851224",
        "1985-12-24 00:00:00",
        " 1985-12-24t00:00:00z ",
        "1985-12-24Tnonsense",
    ],
)
def test_date_is_its_date_part_as_written(written: str) -> None:
    assert date_part(written) == BIRTHDAY


@pytest.mark.parametrize("written", ["", "24/12/1985", "1985", "1985-13-01", "1985-02-30", "T00:00Z", "x"])
def test_unreadable_date_is_none(written: str) -> None:
    assert date_part(written) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-06T07:08:09Z", dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)),
        ("2024-05-06T07:08Z", dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC)),
        ("2024-05-06T07:08:09.123Z", dt.datetime(2024, 5, 6, 7, 8, 9, 123_000, tzinfo=dt.UTC)),
        ("2024-05-06T09:08:09+02:00", dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)),
        ("2024-05-06T07:08:09", dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)),
        ("2024-05-06", dt.datetime(2024, 5, 6, tzinfo=dt.UTC)),
        ("0002-01-01T00:00:00Z", dt.datetime(2, 1, 1, tzinfo=dt.UTC)),
        ("0001-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9998-12-31T23:59:59Z", dt.datetime(9998, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        ("9999-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moment_is_read_in_utc(written: str, read: dt.datetime | None) -> None:
    assert moment(written) == read


def test_moment_without_a_zone_is_not_in_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as zone:
            zone.setenv("TZ", "Pacific/Kiritimati")
            time.tzset()
            noon = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
            for written in ("2024-05-06T12:00:00", "2024-05-06T14:00:00+02:00"):
                read = moment(written)
                assert (read, read and read.tzinfo) == (noon, dt.UTC)
    finally:
        time.tzset()


@pytest.mark.parametrize(
    ("href", "ref"),
    [
        (
            "https://h/v2.1/guests/f7aabbca-1c1b-4fc2-be72-3e16294a4f03",
            "f7aabbca-1c1b-4fc2-be72-3e16294a4f03",
        ),
        ("https://h/v2.1/guests/F7AA?expand=true#x", "F7AA"),
        ("https://h/v2.1/guests/F7XX/", "F7XX"),
        ("https://h/v2.1/guests?email=a", ""),
        ("https://h/v2.1/orderConsumers", ""),
        ("https://h/v2.1/guests/..", ""),
        ("https://h/v2.1/guests/a%2Fb", ""),
        ("https://h/v2.1/guests/" + "x" * 201, ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_reference_is_the_last_segment_of_a_link(href: str, ref: str) -> None:
    assert ref_from_href(href) == ref


def test_numbers_preserve_their_digits_and_huge_ones_are_dropped() -> None:
    def price(text: bytes) -> Decimal | None:
        return Order.from_json(parse_json(b'{"ref": "a", "price": ' + text + b"}")).price

    assert price(b"100.10") == Decimal("100.10")
    assert price(b"0") == 0
    assert price(b"-3") == -3
    assert price(b"9" * 18) == 10**18 - 1
    assert price(b"1e-17") == Decimal("1e-17")
    assert price(b"0." + b"3" * 39) == Decimal("0." + "3" * 39)
    for monster in (b"1" + b"0" * 18, b"1e-18", b"0." + b"3" * 40, b"1e400000", b"1e-400000"):
        assert price(monster) is None
    for not_a_number in (b'"12"', b"true", b"null"):
        assert price(not_a_number) is None


def test_byte_order_mark_is_ignored() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_unreadable_optional_values_become_empty() -> None:
    consumer = OrderConsumer.from_json(
        {
            "ref": "a",
            "href": 17,
            "title": None,
            "firstName": "nul\0",
            "lastName": "half\ud800",
            "dateOfBirth": 19851224,
            "emails": "one@example.com",
            "phoneNumbers": ["+353", None, 7, ""],
            "orderItems": [{"href": "https://h/1"}],
            "order": "https://h/orders/1",
            "guest": {"href": "https://h/guests/a b"},
            "identifiers": [
                {"provider": "p"},
                None,
                {"provider": "p", "id": 7},
                {"provider": "p", "id": "i"},
            ],
            "createdAt": True,
            "somethingNew": {"a": [1]},
        }
    )
    assert consumer == OrderConsumer(
        ref="a",
        phone_numbers=("+353",),
        identifiers=(Identifier("p", "i"),),
        is_created_at_unreadable=True,
    )


@pytest.mark.parametrize("text", ["nul\0", "first\ud800", "last\udfff"])
def test_text_that_cannot_be_stored_is_empty(text: str) -> None:
    assert Fields({"name": text}).text("name") == ""


def test_link_is_printable_and_of_limited_length() -> None:
    longest = "https://h/".ljust(MAX_LINK_LENGTH, "x")
    assert Fields({"href": longest}).href() == longest
    for odd in (longest + "x", "https://h/a b", "https://h/a\nb", "https://h/\u202e"):
        assert Fields({"href": odd}).href() == ""


def test_longest_reference_is_read() -> None:
    assert Fields({"ref": "x" * 200}).ref() == "x" * 200


def test_names_are_read_in_either_case() -> None:
    consumer = OrderConsumer.from_json(
        {"Ref": "a", "FIRSTNAME": "Jane", "Guest": {"HREF": "https://h/guests/g"}}
    )
    assert (consumer.ref, consumer.first_name, consumer.guest_ref) == ("a", "Jane", "g")
    assert OrderConsumer.from_json({"REF": "other", "ref": "exact"}).ref == "exact"


@QUICK
@given(st.dictionaries(NAMES, JSON, max_size=8) | JSON)
def test_no_json_crashes_a_reader(data: object) -> None:
    for read in (OrderConsumer.from_json, Order.from_json, Guest.from_json, Page.from_json):
        with contextlib.suppress(CdpMalformedAnswer):
            read(data)
    message_of_vendors_error(400, data)


@QUICK
@given(st.binary(max_size=60))
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    with contextlib.suppress(CdpMalformedAnswer):
        parse_json(body)


def test_error_of_an_invalid_body_does_not_contain_the_body() -> None:
    with pytest.raises(CdpMalformedAnswer) as caught:
        parse_json(b'{"firstName": "MARKER"')
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("emails: may not be null", MessageSubject("emails")),
        ("emails[1]: not a valid value", MessageSubject("emails", 1)),
        ("identifiers[12].provider: may not be null", MessageSubject("identifiers", 12, "provider")),
        ("identifiers.id: may not be null", MessageSubject("identifiers", None, "id")),
        (f"emails[{'9' * 900}]: too many", MessageSubject("emails")),
        ("emails[²]: not a number", MessageSubject()),
        ("street[1]: not of a consumer", MessageSubject()),
        ("emails[1]", MessageSubject()),
    ],
)
def test_message_names_a_field_a_position_in_it_and_a_part(message: str, subject: MessageSubject) -> None:
    assert subject_of_message(message, frozenset(NAME_OF_VENDOR_NAME)) == subject


@QUICK
@given(st.text(max_size=40))
def test_no_message_crashes_the_search_for_a_field(message: str) -> None:
    assert subject_of_message(message, frozenset(NAME_OF_VENDOR_NAME)).field in {*NAME_OF_VENDOR_NAME, ""}


CONSUMERS = st.builds(
    NewConsumer,
    first_name=TEXTS,
    last_name=TEXTS,
    title=TEXTS,
    gender=st.sampled_from(["", "male", "female", "unknown"]),
    date_of_birth=st.none() | st.dates(),
    emails=st.lists(FILLED, max_size=3).map(tuple),
    phone_numbers=st.lists(FILLED, max_size=3).map(tuple),
    nationality=TEXTS,
    passport_number=TEXTS,
    country=TEXTS,
    identifiers=st.lists(st.builds(Identifier, FILLED, FILLED), max_size=3).map(tuple),
)


@QUICK
@given(CONSUMERS)
def test_new_consumer_round_trips_through_json(consumer: NewConsumer) -> None:
    data = consumer.to_json()
    assert NewConsumer.from_json(data) == consumer
    assert all(value not in ("", None, [], {}) for value in data.values())


def test_new_consumer_with_every_field_round_trips_through_json() -> None:
    consumer = NewConsumer(
        first_name="Zoë",
        last_name="Roe",
        title="Dr",
        gender="female",
        date_of_birth=BIRTHDAY,
        emails=("zoe@example.com",),
        phone_numbers=("+35312345678",),
        nationality="IE",
        passport_number="PZ4A9565",
        country="IE",
        identifiers=(Identifier("p", "i"),),
    )
    data = consumer.to_json()
    assert data.keys() == NAME_OF_VENDOR_NAME.keys()
    assert NewConsumer.from_json(data) == consumer


@pytest.mark.parametrize(
    "data",
    [
        {"firstName": 1},
        {"emails": "a@b.example"},
        {"emails": [1]},
        {"identifiers": [{"provider": "p"}]},
        {"identifiers": ["p"]},
        {"dateOfBirth": "someday"},
        {"first_name": "Jane"},
        {"first_name": "Jane", "dateOfBirth": "someday"},
        {"first_name": "Jane", "dateOfBirth": "1985-12-24"},
    ],
)
def test_tampered_stored_consumer_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="JSON form"):
        NewConsumer.from_json(data)


def test_order_consumer_is_written_with_the_vendors_names_and_read_back() -> None:
    consumer = OrderConsumer(
        ref="a",
        href="https://h/v2.1/orderConsumers/a",
        title="Mr",
        first_name="John",
        last_name="Doe",
        date_of_birth=BIRTHDAY,
        emails=("a@b.example",),
        order_items=("https://h/v2.1/orderItems/1",),
        order_href="https://h/v2.1/orders/1",
        guest_href="https://h/v2.1/guests/g1",
        guest_ref="g1",
        identifiers=(Identifier("p", "i"),),
        created_at=dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC),
    )
    data = {
        "ref": "a",
        "href": "https://h/v2.1/orderConsumers/a",
        "title": "Mr",
        "firstName": "John",
        "lastName": "Doe",
        "dateOfBirth": "1985-12-24T00:00:00Z",
        "emails": ["a@b.example"],
        "orderItems": {"orderItems": [{"href": "https://h/v2.1/orderItems/1"}]},
        "order": {"href": "https://h/v2.1/orders/1"},
        "guest": {"href": "https://h/v2.1/guests/g1"},
        "identifiers": [{"provider": "p", "id": "i"}],
        "createdAt": "2024-05-06T07:08:00+00:00",
    }
    assert consumer.to_json() == data
    assert OrderConsumer.from_json(data) == consumer
    assert OrderConsumer(ref="a").to_json() == {"ref": "a"}


@pytest.mark.parametrize("written", [1577836800000, "1577836800000", "yesterday", True, {"at": 1}, []])
def test_unreadable_creation_time_differs_from_a_missing_one(written: object) -> None:
    consumer = OrderConsumer.from_json({"ref": "a", "createdAt": written})
    assert (consumer.created_at, consumer.is_created_at_unreadable) == (None, True)
    assert OrderConsumer.from_json(consumer.to_json()) == consumer
    assert consumer.to_json().keys() == {"ref", "createdAt"}
    for absent in ({}, {"createdAt": None}, {"createdAt": ""}, {"createdAt": "2024-05-06T07:08:00Z"}):
        assert not OrderConsumer.from_json({"ref": "a", **absent}).is_created_at_unreadable


def test_every_value_of_an_order_has_its_own_name() -> None:
    data = {
        "ref": "r",
        "href": "https://h/1",
        "referenceId": "number",
        "createdAt": "2021-01-01T00:00:00+00:00",
        "modifiedAt": "2022-01-01T00:00:00+00:00",
        "orderedAt": "2023-01-01T00:00:00+00:00",
        "price": 7,
        "currencyCode": "EUR",
        "status": "status",
        "channel": "channel",
        "pointOfSale": "sale",
        "paymentType": "payment",
        "cardType": "card",
    }
    order = Order.from_json(data)
    assert order == Order(
        ref="r",
        href="https://h/1",
        reference_id="number",
        created_at=dt.datetime(2021, 1, 1, tzinfo=dt.UTC),
        modified_at=dt.datetime(2022, 1, 1, tzinfo=dt.UTC),
        ordered_at=dt.datetime(2023, 1, 1, tzinfo=dt.UTC),
        price=Decimal(7),
        currency_code="EUR",
        status="status",
        channel="channel",
        point_of_sale="sale",
        payment_type="payment",
        card_type="card",
    )
    assert order.to_json() == data
    assert Order(ref="r").to_json() == {"ref": "r"}
    prices = [replace(order, price=Decimal(price)) for price in ("1904.25", "100.00", "123456789012345678")]
    for one in (order, *prices, Order(ref="r")):
        assert Order.from_json(parse_json(json.dumps(one.to_json()).encode())) == one


def test_every_value_of_a_guest_has_its_own_name() -> None:
    guest = Guest.from_json(
        {
            "ref": "r",
            "href": "https://h/1",
            "guestType": "type",
            "createdAt": "2021-01-01",
            "modifiedAt": "2022-01-01",
            "firstSeen": "2023-01-01",
            "lastSeen": "2024-01-01",
            "title": "title",
            "firstName": "first",
            "lastName": "last",
            "gender": "gender",
            "dateOfBirth": "1985-12-24",
            "email": "email",
            "emails": ["emails"],
            "phoneNumbers": ["phone"],
            "language": "language",
            "nationality": "nationality",
            "passportNumber": "passport",
            "passportExpiry": "2031-01-01",
            "street": ["street"],
            "city": "city",
            "state": "state",
            "postCode": "code",
            "country": "country",
            "identifiers": [{"provider": "p", "id": "i"}],
        }
    )
    assert guest == Guest(
        ref="r",
        href="https://h/1",
        guest_type="type",
        created_at=dt.datetime(2021, 1, 1, tzinfo=dt.UTC),
        modified_at=dt.datetime(2022, 1, 1, tzinfo=dt.UTC),
        first_seen=dt.datetime(2023, 1, 1, tzinfo=dt.UTC),
        last_seen=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        title="title",
        first_name="first",
        last_name="last",
        gender="gender",
        date_of_birth=BIRTHDAY,
        email="email",
        emails=("emails",),
        phone_numbers=("phone",),
        language="language",
        nationality="nationality",
        passport_number="passport",
        passport_expiry=dt.date(2031, 1, 1),
        street=("street",),
        city="city",
        state="state",
        post_code="code",
        country="country",
        identifiers=(Identifier("p", "i"),),
    )


def test_no_record_shows_a_person_in_its_repr() -> None:
    person = {
        "ref": "r1",
        "firstName": "MARKER",
        "emails": ["MARKER"],
        "identifiers": [{"provider": "MARKER", "id": "1"}],
    }
    shown = [OrderConsumer.from_json(person), Guest.from_json(person), Identifier("MARKER", "MARKER")]
    assert "MARKER" not in repr([*shown, NewConsumer("MARKER", "MARKER")])
    assert "r1" in repr(shown[0])
