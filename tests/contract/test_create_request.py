"""The request of a create, field by field against the vendor's page."""

from __future__ import annotations

import base64
import datetime as dt
import re

import pytest

from apps.cdp.consumers import Identifier, NewConsumer
from tests.contract import published
from tests.support.cdp_clients import GOOD, client_of, far_deadline
from tests.support.scripted_servers import Request, Serve, always, answer

FULL = NewConsumer(
    title="Mr",
    first_name="John",
    last_name="Doe",
    gender="male",
    date_of_birth=dt.date(1991, 1, 1),
    emails=("john.doe@gmail.com",),
    phone_numbers=("+353161123345", "+353161123346"),
    nationality="Irish",
    passport_number="PZ4A9565",
    country="IE",
    identifiers=(Identifier("ProfileSystem", "B7524AE6-CF1C-440F-B1A2-0C9D42F5CB41"),),
)
MINIMAL = NewConsumer("John", "Doe")


def _sent(serve: Serve, consumer: NewConsumer) -> Request:
    server = serve(always(answer(200, GOOD)))  # the published answer has the order's own reference
    client_of(server.url).create_order_consumer(published.ORDER_REF, consumer, deadline=far_deadline())
    (request,) = server.requests
    return request


def test_full_consumer_sends_every_published_field_as_published(serve: Serve) -> None:
    body = _sent(serve, FULL).json()
    assert body.keys() == published.REQUEST_FIELDS.keys()
    for name, (kind, example) in published.REQUEST_FIELDS.items():
        assert type(body[name]) is kind, name
        if name != "dateOfBirth":
            assert body[name] == example, name


def test_date_of_birth_has_the_published_form(serve: Serve) -> None:
    form = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
    _, example = published.REQUEST_FIELDS["dateOfBirth"]
    sent = _sent(serve, FULL).json()["dateOfBirth"]
    assert form.fullmatch(example)
    assert isinstance(sent, str)
    assert form.fullmatch(sent)
    assert sent == "1991-01-01T00:00:00Z"


def test_lists_and_identifiers_are_nested_as_published(serve: Serve) -> None:
    body = _sent(serve, FULL).json()
    for name in ("emails", "phoneNumbers"):
        values = body[name]
        assert isinstance(values, list)
        assert all(type(value) is str for value in values)
    identifiers = body["identifiers"]
    assert isinstance(identifiers, list)
    assert [set(pair) for pair in identifiers] == [{"provider", "id"}]


def test_minimal_consumer_sends_nothing_empty(serve: Serve) -> None:
    assert _sent(serve, MINIMAL).json() == {"firstName": "John", "lastName": "Doe"}


@pytest.mark.parametrize("gender", published.GENDERS)
def test_genders_are_sent_as_they_are(serve: Serve, gender: str) -> None:
    assert _sent(serve, NewConsumer("John", "Doe", gender=gender)).json()["gender"] == gender


def test_case_and_letters_of_what_was_typed_survive(serve: Serve) -> None:
    consumer = NewConsumer(
        "Zoë", "O’Brien 李", emails=("Mixed.Case@Example.com",), identifiers=(Identifier("pRoViDeR", "aB-1"),)
    )
    body = _sent(serve, consumer).json()
    assert (body["firstName"], body["lastName"]) == ("Zoë", "O’Brien 李")
    assert body["emails"] == ["Mixed.Case@Example.com"]
    assert body["identifiers"] == [{"provider": "pRoViDeR", "id": "aB-1"}]


def test_method_path_and_headers_are_the_published_ones(serve: Serve) -> None:
    request = _sent(serve, FULL)
    assert request.method == "POST"
    assert request.target == published.CREATE_PATH.format(orderRef=published.ORDER_REF)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    scheme, _, pair = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(pair).decode() == "KEY-MARKER:TOKEN-MARKER"
    assert int(request.headers["content-length"]) == len(request.body)
    assert "cookie" not in request.headers
