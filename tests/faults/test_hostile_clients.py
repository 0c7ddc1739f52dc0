"""Clients that never complete a request: other people still get their pages, and the clients are dropped."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from consumerportal.web_worker import MAX_BUFFERED_BYTES
from tests.support.deployed import NEW, Place, Portal, place, portal
from tests.support.hostile_clients import KINDS, PAGE, Attack, attacking
from tests.support.http_browser import Browser
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("hostile clients")]

THREADS = 24
CLIENTS = 4 * THREADS
# seconds; a body that drips every three seconds is never silent for that long
HEAD_SECONDS, BODY_SECONDS = 2, 4
TIMEOUT = 30.0  # seconds for a page; if threads wait for clients it never comes
SLACK = 10.0  # seconds: a busy machine
STOP_TIMEOUT = 45.0  # seconds; less than the 60 that a portal without limits of its own waits for a body
FIELD = "application/x-www-form-urlencoded"
# A client that holds an answered connection has its answer: the server only stops waiting for it.
HELD = KINDS["answered, held open"]
SLOW = [kind for kind in KINDS.values() if kind is not HELD]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("hostile")) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def one(there: Place) -> Iterator[Portal]:
    limits = {"WEB_HEAD_SECONDS": str(HEAD_SECONDS), "WEB_BODY_SECONDS": str(BODY_SECONDS)}
    with portal(there, workers=1, threads=THREADS, **limits) as started:
        yield started


@pytest.fixture(scope="module")
def person(one: Portal) -> Browser:
    return signed_in(one)


def signed_in(portal: Portal) -> Browser:
    return portal.person("sam", timeout=TIMEOUT).browser


def assert_answered(person: Browser, *attacks: Attack) -> None:
    """Assert that the form page comes while all of them are connected."""
    for attack in attacks:
        assert attack.is_complete.wait(TIMEOUT), attack.kind.name
    for _ in range(3):
        with person.tab() as tab:
            assert tab.get(NEW).status == 200


def test_pages_are_answered_and_clients_with_incomplete_requests_are_dropped(
    one: Portal, person: Browser
) -> None:
    with attacking(one.server.port, *SLOW, count=CLIENTS, again=False) as attacks:
        assert_answered(person, *attacks)
        for attack in attacks:
            wait_until(
                lambda attack=attack: len(attack.dropped) == CLIENTS,  # type: ignore[misc]  # bound now
                BODY_SECONDS + SLACK,
                f"all are dropped: {attack.kind.name}",
            )
    for attack in attacks:
        limit = BODY_SECONDS if "body" in attack.kind.name else HEAD_SECONDS
        assert limit <= min(attack.dropped), attack.kind.name
        assert max(attack.dropped) < limit + SLACK, attack.kind.name
        status_lines = {answer.partition(b"\r\n")[0] for answer in attack.answers}
        expected = {b"HTTP/1.1 408 Request Timeout"} if attack.kind.first else {b""}
        assert status_lines == expected, attack.kind.name
    assert "Traceback" not in one.log.read_text()


def test_clients_that_hold_answered_connections_block_no_one_else(one: Portal, person: Browser) -> None:
    with attacking(one.server.port, HELD, count=CLIENTS) as [attack]:
        assert_answered(person, attack)
    assert "Traceback" not in one.log.read_text()


def test_clients_beyond_the_capacity_displace_each_other(there: Place) -> None:
    room = 2 * THREADS
    with (
        portal(
            there, workers=1, threads=THREADS, GUNICORN_CMD_ARGS=f"--worker-connections {room}"
        ) as started,
        attacking(started.server.port, KINDS["half a header"], count=CLIENTS, again=False) as [attack],
    ):
        wait_until(lambda: len(attack.dropped) >= CLIENTS - room, TIMEOUT, "those who came first are out")
        assert_answered(signed_in(started), attack)


def test_stop_does_not_wait_for_the_clients_time_limit(there: Place) -> None:
    with (
        portal(there, workers=1, threads=THREADS) as started,
        attacking(started.server.port, KINDS["half a body"], KINDS["silent"], count=CLIENTS) as attacks,
    ):
        assert_answered(signed_in(started), *attacks)
        started.server.process.terminate()
        assert started.server.process.wait(STOP_TIMEOUT) == 0


# --- Legitimate clients -----------------------------------------------------------------------------
def exchange(one: Portal, *pieces: bytes) -> bytes:
    """All bytes until the server closes, for a request that is sent in these pieces.

    Before each later piece the portal answers another person, so it has read the previous piece.
    """
    with closing(socket.create_connection(("127.0.0.1", one.server.port), TIMEOUT)) as connection:
        for number, piece in enumerate(pieces):
            if number:
                with Browser(one.server.port).tab() as other:
                    assert other.get("/healthz").status == 200
            connection.sendall(piece)
        received = b""
        while data := connection.recv(65536):
            received += data
        return received


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def test_request_in_several_pieces_is_answered(one: Portal) -> None:
    request = head("GET", "/healthz", "Connection: close")
    received = exchange(one, *(request[place : place + 9] for place in range(0, len(request), 9)))
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")


def test_connection_serves_several_requests_in_turn(one: Portal) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", one.server.port, timeout=TIMEOUT)) as connection:
        sockets = set()
        for body in (None, "a=1", "a=" + "x" * 50_000, None, "a=" + "x" * 2_000_000):
            method = "GET" if body is None else "POST"
            connection.request(method, PAGE, body, {"Content-Type": FIELD})
            with closing(connection.getresponse()) as response:
                assert response.status == (200 if body is None else 403)  # without the form's token
                response.read()
            sockets.add(connection.sock)
        assert len(sockets) == 1


def test_pipelined_second_request_is_left_to_be_sent_again(one: Portal) -> None:
    request = head("GET", "/healthz")
    received = exchange(one, request + request)
    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in received


def test_expect_100_continue_is_answered_once(one: Portal) -> None:
    lines = ("Expect: 100-continue", "Content-Length: 3", f"Content-Type: {FIELD}", "Connection: close")
    received = exchange(one, head("POST", PAGE, *lines), b"a=1")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403")
    assert received.count(b"HTTP/1.1 100") == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head("POST", PAGE, "Transfer-Encoding: chunked"), b"411"),
        (head("GET", PAGE, *(f"X-Long-{number}: {'x' * 8000}" for number in range(12))), b"431"),
        (head("GET", PAGE + "x" * 5000), b"414"),
        (head("POST", PAGE, "Content-Length: 1", "Content-Length: 2"), b"400"),
        (head("POST", PAGE, "Content-Length: 4", "Transfer-Encoding: chunked"), b"400"),
        (b"\r\n\r\n\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", b"400"),
    ],
    ids=["no length", "long head", "long line", "two lengths", "length and chunks", "empty", "TLS"],
)
def test_unparsable_request_is_refused_immediately(one: Portal, request_: bytes, status: bytes) -> None:
    received = exchange(one, request_)
    assert received[9:12] == status
    answer_head, _, body = received.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in answer_head.splitlines()}
    assert {b"Content-Security-Policy", b"X-Content-Type-Options", b"Cache-Control"} <= names
    assert b"Content-Type: text/plain; charset=utf-8" in answer_head
    assert len(body) < 50  # quotes nothing of the request
    assert "Traceback" not in one.log.read_text()


@pytest.mark.parametrize("content_type", [FIELD, "multipart/form-data; boundary=x"])
def test_too_large_body_is_refused_without_waiting(one: Portal, content_type: str) -> None:
    lines = (f"Content-Type: {content_type}", "Content-Length: 200000000")
    received = exchange(one, head("POST", PAGE, *lines) + b"--x\r\n" + b"a" * 100_000)
    assert received[9:12] in (b"400", b"403", b"413")
    assert b"</html>" in received
    assert "Traceback" not in one.log.read_text()


def test_all_bodies_together_have_a_size_limit(one: Portal, person: Browser) -> None:
    """Incomplete bodies fill the memory only up to a limit; then the largest is dropped."""
    size, count = 9_000_000, 10
    request = head("POST", PAGE, f"Content-Type: {FIELD}", f"Content-Length: {size + 1}") + b"a" * size
    before, ended = one.server.resident_bytes, 0
    connections = [socket.create_connection(("127.0.0.1", one.server.port), TIMEOUT) for _ in range(count)]
    for connection in connections:
        with suppress(OSError):
            connection.sendall(request)
    assert one.server.resident_bytes - before < 1.5 * MAX_BUFFERED_BYTES
    with person.tab() as tab:
        assert tab.get(NEW).status == 200
    for connection in connections:
        with closing(connection):
            try:
                ended += connection.recv(65536) == b""
            except ConnectionResetError:
                ended += 1
    assert 0 < ended < count
