"""Reads: pooled, repeated at most once, each to its own path."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.consumers import Identifier
from apps.cdp.errors import (
    CdpAnotherRecord,
    CdpConnectionLost,
    CdpError,
    CdpMalformedAnswer,
    CdpNotFound,
    CdpRateLimited,
    CdpServerFault,
    CdpTimeout,
    CdpUnreachable,
    CdpUnrecognisedRefusal,
)
from tests.support.cdp_clients import ORDER, client_of, failed_create
from tests.support.certificates import Certificate
from tests.support.scripted_servers import Peer, Script, Serve, always, answer

THE_ORDER = {"ref": ORDER, "referenceId": "B94TXY-1", "price": 12.5}


def _in_turn(*answers: bytes) -> Script:
    """The n-th request to the server gets the n-th answer; the last one is repeated."""

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(answers[min(len(peer.server.requests), len(answers)) - 1])

    return script


def test_reads_share_a_connection_and_store_no_cookie(serve: Serve) -> None:
    server = serve(always(answer(200, THE_ORDER, headers={"Set-Cookie": "session=1; Path=/"})))
    client = client_of(server.url)
    for _ in range(3):
        client.retrieve_order(ORDER)
    assert (server.connections, len(server.requests)) == (1, 3)
    assert all("cookie" not in request.headers for request in server.requests)


def test_read_trusts_the_configured_authorities_only(serve: Serve, certificate: Certificate) -> None:
    server = serve(always(answer(200, THE_ORDER)), certificate.context)
    assert client_of(server.url, ca_file=str(certificate.file)).retrieve_order(ORDER).ref == ORDER
    with pytest.raises(CdpUnreachable) as caught:
        client_of(server.url).retrieve_order(ORDER)
    assert caught.value.code == "tls_failed"


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_read_is_repeated_once(serve: Serve, status: int) -> None:
    server = serve(_in_turn(answer(status, {}), answer(200, THE_ORDER)))
    assert client_of(server.url).retrieve_order(ORDER).ref == ORDER
    server = serve(always(answer(status, {})))
    with pytest.raises((CdpServerFault, CdpUnrecognisedRefusal)):
        client_of(server.url).retrieve_order(ORDER)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302, 418])
def test_other_answers_are_not_repeated(serve: Serve, status: int) -> None:
    server = serve(always(answer(status, {})))
    with pytest.raises(CdpError):
        client_of(server.url).retrieve_order(ORDER)
    assert len(server.requests) == 1


def test_vendors_retry_after_is_honoured_up_to_a_cap(serve: Serve) -> None:
    pauses: list[float] = []
    server = serve(_in_turn(answer(429, {}, headers={"Retry-After": "1"}), answer(200, THE_ORDER)))
    client_of(server.url, pauses=pauses, total=5).retrieve_order(ORDER)
    server = serve(_in_turn(answer(429, {}, headers={"Retry-After": "2"}), answer(200, THE_ORDER)))
    client_of(server.url, pauses=pauses, total=5).retrieve_order(ORDER)
    assert pauses == [1.0, 2.0]
    too_many = {"status": 429, "code": 429, "message": "Too many requests."}
    server = serve(always(answer(429, too_many, headers={"Retry-After": "3"})))
    with pytest.raises(CdpRateLimited) as caught:
        client_of(server.url, pauses=pauses, total=20).retrieve_order(ORDER)
    assert (pauses, caught.value.retry_after, len(server.requests)) == ([1.0, 2.0], 3.0, 1)


def test_read_is_not_repeated_if_the_pause_would_exceed_its_time(serve: Serve) -> None:
    pauses: list[float] = []
    server = serve(always(answer(503, {}, headers={"Retry-After": "2"})))
    with pytest.raises(CdpServerFault):
        client_of(server.url, pauses=pauses, total=20).retrieve_order_consumer("c", within=1.5)
    assert (pauses, len(server.requests)) == ([], 1)


def test_connection_closed_while_idle_is_replaced(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        if peer.read_request():
            peer.send(answer(200, THE_ORDER))

    server = serve(script)
    client = client_of(server.url)
    for _ in range(3):
        assert client.retrieve_order(ORDER).ref == ORDER
        time.sleep(0.05)
    assert len(server.requests) == 3


def test_connection_lost_during_a_read_is_replaced_once(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        if peer.number == 1:
            peer.reset()
        else:
            peer.send(answer(200, THE_ORDER))

    server = serve(script)
    assert client_of(server.url).retrieve_order(ORDER).ref == ORDER
    server = serve(Peer.reset_unread)
    with pytest.raises(CdpConnectionLost):
        client_of(server.url).retrieve_order(ORDER)
    assert server.connections == 2


def test_refused_read_is_attempted_twice() -> None:
    pauses: list[float] = []
    client = client_of("http://127.0.0.1:1", pauses=pauses)
    with pytest.raises(CdpUnreachable):
        client.retrieve_order(ORDER)
    assert len(pauses) == 1


def test_timed_out_read_is_not_repeated(serve: Serve) -> None:
    server = serve(Peer.wait_for_end)
    with pytest.raises(CdpTimeout):
        client_of(server.url, read=0.2).retrieve_order(ORDER)
    assert server.connections == 1


def test_query_values_are_encoded(serve: Serve) -> None:
    server = serve(always(answer(200, {"items": []})))
    client = client_of(server.url)
    client.search_guests(email="jane+a&b=c#d %41é@example.com")
    client.search_guests(identifier=Identifier("My Provider", "a/b?c+d"))
    client.search_guests(order_reference_id="B94TXY-1")
    client.list_orders(guest_ref="g/1")
    client.guests_of_order("o/1", within=5)
    client.list_orders(reference_id="B94TXY-1")
    targets = [request.target.split("?")[1] for request in server.requests]
    assert targets[0].startswith("email=jane%2Ba%26b%3Dc%23d%20%2541%C3%A9%40example.com&")
    assert targets[1].startswith("identifiers.provider=My%20Provider&identifiers.id=a%2Fb%3Fc%2Bd&")
    assert targets[2].startswith("orderReferenceId=B94TXY-1&")
    assert targets[3].startswith("guestRef=g%2F1&")
    assert targets[4].startswith("orderRef=o%2F1&")
    assert targets[5].startswith("referenceId=B94TXY-1&")


@pytest.mark.parametrize(
    ("reference", "segment"),
    [
        ("a/../../v2.1/guests", "a%2F..%2F..%2Fv2.1%2Fguests"),
        ("%2e%2e", "%252e%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("..;x", "..%3Bx"),
        ("a\\b", "a%5Cb"),
        ("ä b", "%C3%A4%20b"),
        ("...", "..."),
        ("x" * 200, "x" * 200),
        ("//evil.example/", "%2F%2Fevil.example%2F"),
    ],
)
def test_no_reference_reaches_another_path(serve: Serve, reference: str, segment: str) -> None:
    server = serve(always(answer(200, {**THE_ORDER, "ref": reference})))
    with suppress(CdpMalformedAnswer):  # some are in no valid answer
        client_of(server.url).retrieve_order(reference)
    assert server.requests[0].target == f"/v2.1/orders/{segment}"


@pytest.mark.parametrize(
    "read",
    [
        lambda client, seconds: client.observe_order_consumers(ORDER, within=seconds),
        lambda client, seconds: client.read_order_consumers(ORDER, within=seconds),
        lambda client, seconds: client.retrieve_order_consumer("c", within=seconds),
        lambda client, seconds: client.list_orders(reference_id="B94TXY-1", within=seconds),
        lambda client, seconds: client.retrieve_order(ORDER, within=seconds),
        lambda client, seconds: client.search_guests(email="a@b.example", within=seconds),
        lambda client, seconds: client.guests_of_order(ORDER, within=seconds),
    ],
)
def test_no_read_begins_when_its_time_is_over(
    serve: Serve, read: Callable[[CdpClient, float], object]
) -> None:
    server = serve(always(answer(200, THE_ORDER)))
    with pytest.raises(CdpTimeout) as caught:
        read(client_of(server.url), 0)
    assert (caught.value.code, server.connections) == ("total_timeout", 0)


@pytest.mark.parametrize(("number", "guest"), [("", ""), ("a", "b")])
def test_orders_need_exactly_one_criterion(number: str, guest: str) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        client_of("http://127.0.0.1:1").list_orders(reference_id=number, guest_ref=guest)


def test_guests_need_exactly_one_criterion() -> None:
    client = client_of("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="exactly one"):
        client.search_guests()
    with pytest.raises(ValueError, match="exactly one"):
        client.search_guests(email="a", order_reference_id="b")
    with pytest.raises(ValueError, match="exactly one"):
        client.search_guests(email="a", identifier=Identifier("p", "i"))


def test_single_records_are_read(serve: Serve) -> None:
    server = serve(
        _in_turn(
            answer(201, {"ref": "c", "firstName": "Jane", "createdAt": "2024-05-06T07:08Z"}),
            answer(200, {"ref": "g", "guestType": "customer", "firstSeen": "2020-01-01T00:00:00.000Z"}),
            answer(404, {"status": 404, "code": 404, "message": "The specified resource does not exist."}),
        )
    )
    client = client_of(server.url)
    consumer = client.retrieve_order_consumer("c")
    assert consumer.created_at == dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC)
    assert client.retrieve_guest("g").first_seen == dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(CdpNotFound):
        client.retrieve_guest("gone")
    paths = [request.target for request in server.requests]
    assert paths == ["/v2.1/orderConsumers/c", "/v2.1/guests/g", "/v2.1/guests/gone"]


def test_one_client_serves_many_threads(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while request := peer.read_request():
            peer.send(answer(200, {"ref": request.target.rsplit("/", 1)[1]}))

    server = serve(script)
    client = client_of(server.url, total=10)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: client.retrieve_order(f"o{number}").ref, range(200)))
    assert found == [f"o{number}" for number in range(200)]
    assert len(server.requests) == 200


def test_read_bypasses_caches_and_a_create_has_no_such_header(serve: Serve) -> None:
    server = serve(always(answer(200, THE_ORDER)))
    client = client_of(server.url)
    client.retrieve_order(ORDER)
    failed_create(client)  # the answer is about the order
    [read, sent] = server.requests
    assert (read.headers["cache-control"], read.headers["pragma"]) == ("no-cache", "no-cache")
    assert "cache-control" not in sent.headers


@pytest.mark.parametrize("spelling", [ORDER, ORDER.upper(), ORDER.replace("-", "")])
def test_record_may_spell_its_reference_differently(serve: Serve, spelling: str) -> None:
    server = serve(always(answer(200, {**THE_ORDER, "ref": spelling})))
    assert client_of(server.url).retrieve_order(ORDER).ref == spelling


def test_answer_about_another_record_is_an_error(serve: Serve) -> None:
    client = client_of(serve(always(answer(200, {"ref": "b2f2d1d0-0000-4000-8000-000000000009"}))).url)
    for read in (client.retrieve_order, client.retrieve_guest, client.retrieve_order_consumer):
        with pytest.raises(CdpAnotherRecord) as caught:
            read(ORDER)
        assert (caught.value.code, caught.value.http_status) == ("another_record", 200)
