"""Clients that never end what they began: everybody else gets their page, and they are dropped in time."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from consumerportal.web_worker import HELD_BYTES
from tests.support.deployed import NEW, PASSWORDS, Place, Portal, place, portal, wait_until
from tests.support.hostile_clients import KINDS, PAGE, Attack, Kind, attacking
from tests.support.http_browser import Browser

pytestmark = pytest.mark.xdist_group("deployed")

THREADS = 24
CLIENTS = 4 * THREADS
HEAD_SECONDS, BODY_SECONDS = 2, 4  # a body that drips every three seconds is never silent for so long
PATIENCE = 10.0  # seconds for a page; where threads wait for clients it does not come at all
SLACK = 6.0  # seconds: a busy machine
FIELD = "application/x-www-form-urlencoded"
# Who holds an answered connection has had what it asked for: it is only not waited for.
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
    browser = Browser(portal.server.port, timeout=PATIENCE)
    browser.sign_in("sam", PASSWORDS["sam"])
    browser.reconnect()
    return browser


def assert_answered(person: Browser, attack: Attack) -> None:
    """The form page comes while all of them are connected."""
    assert attack.is_complete.wait(PATIENCE)
    for _ in range(3):
        with person.tab() as tab:
            assert tab.get(NEW).status == 200


@pytest.mark.parametrize("kind", SLOW, ids=lambda kind: kind.name)
def test_a_page_is_answered_and_whoever_sends_no_whole_request_is_dropped(
    one: Portal, person: Browser, kind: Kind
) -> None:
    limit = BODY_SECONDS if "body" in kind.name else HEAD_SECONDS
    with attacking(one.server.port, kind, count=CLIENTS, again=False) as [attack]:
        assert_answered(person, attack)
        wait_until(lambda: len(attack.dropped) == CLIENTS, limit + SLACK, "all are dropped")
    assert limit <= min(attack.dropped)
    assert max(attack.dropped) < limit + SLACK
    told = {answer.partition(b"\r\n")[0] for answer in attack.answers}
    assert told == ({b"HTTP/1.1 408 Request Timeout"} if kind.first else {b""})
    assert "Traceback" not in one.log.read_text()


def test_nobody_waits_for_clients_that_keep_answered_connections_open(one: Portal, person: Browser) -> None:
    with attacking(one.server.port, HELD, count=CLIENTS) as [attack]:
        assert_answered(person, attack)
    assert "Traceback" not in one.log.read_text()


def test_more_clients_than_there_is_room_for_push_each_other_out(there: Place) -> None:
    room = 2 * THREADS
    with (
        portal(
            there, workers=1, threads=THREADS, GUNICORN_CMD_ARGS=f"--worker-connections {room}"
        ) as started,
        attacking(started.server.port, KINDS["half a header"], count=CLIENTS, again=False) as [attack],
    ):
        wait_until(lambda: len(attack.dropped) >= CLIENTS - room, PATIENCE, "those who came first are out")
        assert_answered(signed_in(started), attack)


def test_a_stop_does_not_wait_until_they_are_late(there: Place) -> None:
    with (
        portal(there, workers=1, threads=THREADS) as started,
        attacking(started.server.port, KINDS["half a body"], KINDS["silent"], count=CLIENTS) as attacks,
    ):
        for attack in attacks:
            assert_answered(signed_in(started), attack)
        started.server.process.terminate()
        assert started.server.process.wait(PATIENCE) == 0  # of the 60 seconds that a body may take


# --- What is no attack ----------------------------------------------------------------------------
def exchange(one: Portal, *pieces: bytes) -> bytes:
    """All that comes back until the server closes, for a request that is sent in these pieces.

    Before each piece but the first the portal has answered somebody else, so it has seen the one before.
    """
    with closing(socket.create_connection(("127.0.0.1", one.server.port), PATIENCE)) as connection:
        for number, piece in enumerate(pieces):
            if number:
                with Browser(one.server.port).tab() as other:
                    assert other.get("/healthz").status == 200
            connection.sendall(piece)
        heard = b""
        while data := connection.recv(65536):
            heard += data
        return heard


def head(method: str, path: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def test_a_request_that_comes_in_pieces_is_answered(one: Portal) -> None:
    request = head("GET", "/healthz", "Connection: close")
    heard = exchange(one, *(request[place : place + 9] for place in range(0, len(request), 9)))
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_connection_serves_one_request_after_the_other(one: Portal) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", one.server.port, timeout=PATIENCE)) as connection:
        sockets = set()
        for body in (None, "a=1", "a=" + "x" * 50_000, None, "a=" + "x" * 2_000_000):
            method = "GET" if body is None else "POST"
            connection.request(method, PAGE, body, {"Content-Type": FIELD})
            with closing(connection.getresponse()) as response:
                assert response.status == (200 if body is None else 403)  # without the form's token
                response.read()
            sockets.add(connection.sock)
        assert len(sockets) == 1


def test_a_second_request_behind_the_first_is_left_to_be_sent_again(one: Portal) -> None:
    request = head("GET", "/healthz")
    heard = exchange(one, request + request)
    assert heard.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in heard


def test_who_asks_first_whether_to_send_the_body_is_told_to_go_on_once(one: Portal) -> None:
    lines = ("Expect: 100-continue", "Content-Length: 3", f"Content-Type: {FIELD}", "Connection: close")
    heard = exchange(one, head("POST", PAGE, *lines), b"a=1")
    assert heard.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403")
    assert heard.count(b"HTTP/1.1 100") == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head("POST", PAGE, "Transfer-Encoding: chunked"), b"411"),
        (head("GET", PAGE, *(f"X-Long-{number}: {'x' * 8000}" for number in range(12))), b"431"),
        (head("GET", PAGE + "x" * 5000), b"414"),
        (head("POST", PAGE, "Content-Length: 1", "Content-Length: 2"), b"400"),
        (b"\r\n\r\n\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", b"400"),
    ],
    ids=["no length", "long head", "long line", "two lengths", "empty", "TLS"],
)
def test_what_cannot_be_read_is_refused_at_once(one: Portal, request_: bytes, status: bytes) -> None:
    heard = exchange(one, request_)
    assert heard[9:12] == status
    assert "Traceback" not in one.log.read_text()


@pytest.mark.parametrize("content_type", [FIELD, "multipart/form-data; boundary=x"])
def test_a_body_that_is_too_large_is_not_waited_for(one: Portal, content_type: str) -> None:
    lines = (f"Content-Type: {content_type}", "Content-Length: 200000000")
    heard = exchange(one, head("POST", PAGE, *lines) + b"--x\r\n" + b"a" * 100_000)
    assert heard[9:12] in (b"400", b"403", b"413")
    assert b"</html>" in heard
    assert "Traceback" not in one.log.read_text()


def test_what_all_of_them_send_together_has_a_limit(one: Portal, person: Browser) -> None:
    """Bodies that stay incomplete fill the memory only so far; then the largest of them goes."""
    size, count = 9_000_000, 10
    request = head("POST", PAGE, f"Content-Type: {FIELD}", f"Content-Length: {size + 1}") + b"a" * size
    before, ended = one.server.resident_bytes, 0
    connections = [socket.create_connection(("127.0.0.1", one.server.port), PATIENCE) for _ in range(count)]
    for connection in connections:
        with suppress(OSError):
            connection.sendall(request)
    assert one.server.resident_bytes - before < 1.5 * HELD_BYTES
    with person.tab() as tab:
        assert tab.get(NEW).status == 200
    for connection in connections:
        with closing(connection):
            try:
                ended += connection.recv(65536) == b""
            except ConnectionResetError:
                ended += 1
    assert 0 < ended < count
