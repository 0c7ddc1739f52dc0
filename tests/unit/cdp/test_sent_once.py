"""After the first byte every failure is unknown, and a create is one request on the wire."""

from __future__ import annotations

import gzip
import json
import socket
import time
import zlib
from http.client import HTTPConnection
from typing import Any

import pytest

from apps.cdp.errors import (
    CdpConnectionLost,
    CdpError,
    CdpMalformedAnswer,
    CdpServerFault,
    CdpTimeout,
    CdpUnexpected,
)
from tests.support.cdp_clients import GOOD, client_of, create, failed_create
from tests.support.certificates import Certificate
from tests.support.scripted_servers import Peer, Script, Serve, Server, always, answer, once_then_close


def _assert_unknown_and_sent_once(server: Server, error: CdpError, kind: type[CdpError], code: str) -> None:
    time.sleep(0.05)  # a second request would come immediately
    assert isinstance(error, kind)
    assert (error.outcome, error.code) == ("unknown", code)
    assert server.connections == 1
    assert len(server.requests) <= 1


def _say(data: bytes) -> Script:
    return once_then_close(data)


def test_reset_before_the_server_read_anything_is_unknown(serve: Serve) -> None:
    server = serve(Peer.reset_unread)
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpConnectionLost, "connection_lost")


def test_reset_on_accept_is_never_a_rejection(serve: Serve) -> None:
    server = serve(Peer.reset)
    error = failed_create(client_of(server.url))
    # It may occur before or after our first byte; the client reports what it saw.
    assert error.outcome in {"not_sent", "unknown"}
    assert server.connections == 1


def test_reset_after_reading_is_unknown(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.reset()

    server = serve(script)
    _assert_unknown_and_sent_once(
        server, failed_create(client_of(server.url)), CdpConnectionLost, "connection_lost"
    )
    assert len(server.requests) == 1


def test_close_without_an_answer_is_unknown(serve: Serve) -> None:
    server = serve(_say(b""))
    _assert_unknown_and_sent_once(
        server, failed_create(client_of(server.url)), CdpConnectionLost, "connection_lost"
    )


def test_broken_tls_record_after_the_request_is_unknown(serve: Serve, certificate: Certificate) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        raw = peer.connection.detach()
        with socket.socket(fileno=raw) as plain:
            plain.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)

    server = serve(script, certificate.context)
    error = failed_create(client_of(server.url, ca_file=str(certificate.file)))
    _assert_unknown_and_sent_once(server, error, CdpConnectionLost, "connection_lost")
    assert len(server.requests) == 1


def test_silence_is_unknown_at_the_read_limit(serve: Serve) -> None:
    server = serve(Peer.wait_for_end)
    began = time.monotonic()
    error = failed_create(client_of(server.url, read=0.2, total=20))
    _assert_unknown_and_sent_once(server, error, CdpTimeout, "read_timeout")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("secure", [False, True])
def test_dripping_headers_are_cut_at_the_total_limit(
    serve: Serve, certificate: Certificate, secure: bool
) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n")
        for _ in range(50):
            peer.send(b"X-Drip: 1\r\n")
            time.sleep(0.1)

    server = serve(script, certificate.context if secure else None)
    began = time.monotonic()
    error = failed_create(client_of(server.url, ca_file=str(certificate.file), read=1, total=0.5))
    _assert_unknown_and_sent_once(server, error, CdpTimeout, "total_timeout")
    assert time.monotonic() - began < 4  # the headers take five seconds


def test_dripping_body_is_cut_at_the_total_limit(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")  # no length: the end of the connection is the end of the body
        for _ in range(50):
            peer.send(b" ")
            time.sleep(0.1)

    server = serve(script)
    error = failed_create(client_of(server.url, read=1, total=0.5))
    _assert_unknown_and_sent_once(server, error, CdpTimeout, "total_timeout")


def test_truncated_rejection_is_not_trusted(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b'{"message": "emails')
        peer.wait_for_end()

    server = serve(script)
    error = failed_create(client_of(server.url, read=1, total=0.3))
    _assert_unknown_and_sent_once(server, error, CdpTimeout, "total_timeout")
    assert error.http_status == 400


def test_answer_shorter_than_its_length_is_unknown(serve: Serve) -> None:
    server = serve(_say(answer(body=GOOD, length=500)))
    _assert_unknown_and_sent_once(
        server, failed_create(client_of(server.url)), CdpConnectionLost, "connection_lost"
    )


def test_truncated_chunked_answer_is_unknown(serve: Serve) -> None:
    body = json.dumps(GOOD).encode()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve(_say(head + b"%x\r\n%b\r\n" % (len(body), body)))
    _assert_unknown_and_sent_once(
        server, failed_create(client_of(server.url)), CdpConnectionLost, "connection_lost"
    )


def test_complete_chunked_answer_is_read(serve: Serve) -> None:
    body = json.dumps(GOOD).encode()
    head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve(_say(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)))
    creation = create(client_of(server.url))
    assert (creation.consumer.ref, creation.http_status) == (GOOD["ref"], 201)


def test_compressed_answer_is_read(serve: Serve) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    server = serve(_say(answer(raw=packed, headers={"Content-Encoding": "gzip"})))
    assert create(client_of(server.url)).consumer.ref == GOOD["ref"]


def test_broken_compressed_answer_is_unknown(serve: Serve) -> None:
    server = serve(_say(answer(raw=b"no gzip at all", headers={"Content-Encoding": "gzip"})))
    _assert_unknown_and_sent_once(
        server, failed_create(client_of(server.url)), CdpMalformedAnswer, "malformed_answer"
    )


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_huge_answer_is_read_up_to_the_limit(serve: Serve, encoding: str) -> None:
    content = b'{"ref": "' + b"x" * 30_000_000 + b'"}'
    packed = {"gzip": gzip.compress(content), "deflate": zlib.compress(content)}.get(encoding, content)
    server = serve(_say(answer(raw=packed, headers={"Content-Encoding": encoding} if encoding else {})))
    error = failed_create(client_of(server.url, total=10))
    _assert_unknown_and_sent_once(server, error, CdpMalformedAnswer, "answer_too_large")
    assert error.http_status == 200


def test_endless_answer_is_read_up_to_the_limit(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not peer.server.stopping.is_set():
            peer.send(b" " * 50_000)

    server = serve(script)
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpMalformedAnswer, "answer_too_large")


def test_answer_of_exactly_the_limit_is_read(serve: Serve) -> None:
    content = json.dumps(GOOD).encode()
    server = serve(always(answer(body=GOOD)))
    assert create(client_of(server.url, max_answer_bytes=len(content))).consumer.ref == GOOD["ref"]
    error = failed_create(client_of(server.url, max_answer_bytes=len(content) - 1))
    assert error.code == "answer_too_large"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(serve: Serve, status: int) -> None:
    other = serve(always(answer(body=GOOD)))
    server = serve(_say(answer(status, {}, headers={"Location": f"{other.url}/v2.1/orders"})))
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpUnexpected, f"http_{status}")
    assert other.connections == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_server_fault_is_unknown_and_not_repeated(serve: Serve, status: int) -> None:
    server = serve(always(answer(status, raw=b"<html>Oops</html>", headers={"Retry-After": "0"})))
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpServerFault, f"http_{status}")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [202, 204, 206, 304, 402, 406, 408, 409, 410, 412, 418, 423, 451])
def test_undocumented_status_is_unknown(serve: Serve, status: int) -> None:
    server = serve(_say(answer(status, GOOD)))
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpUnexpected, f"http_{status}")
    assert error.http_status == status


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><title>Fine</title>",
        b"null",
        b"[]",
        b'"2d7de9df"',
        b"17",
        b"{}",
        b'{"ref": null}',
        b'{"ref": ""}',
        b'{"ref": 17}',
        b'{"ref": ["a"]}',
        b'{"ref": "a b"}',
        b'{"ref": "a\\nb"}',
        b'{"ref": "a\\u0000b"}',
        b'{"ref": "a\\u00a0b"}',
        b'{"ref": "\\ud800"}',
        b'{"ref": "' + b"x" * 201 + b'"}',
        b'{"ref": "a", "ref": "b"}',
        b'{"ref": "a", "price": NaN}',
        b'{"ref": "a", "price": -Infinity}',
        b'{"ref": "a", "price": 1e9999999999999999999999}',
        b'{"ref": "a", "count": ' + b"9" * 5_000 + b"}",
        b'{"ref": "a"',
        b'{"ref": "a"} trailing',
        b'\xff\xfe{"ref": "a"}',
        b'{"ref": "\xff"}',
        b"[" * 50_000,
        b'{"ref":' * 10_000,
        b'{"ref": "a", "deep": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    ],
)
def test_success_without_a_usable_reference_is_unknown(serve: Serve, content: bytes) -> None:
    server = serve(_say(answer(200, raw=content)))
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpMalformedAnswer, "malformed_answer")
    assert error.http_status == 200


@pytest.mark.parametrize("line", [b"HTTP/1.1 999 Odd", b"HTTP/1.1 OK", b"SSH-2.0-OpenSSH_9", b"HTTP/1.1 20"])
def test_strange_status_line_is_unknown(serve: Serve, line: bytes) -> None:
    server = serve(_say(line + b"\r\nContent-Length: 0\r\n\r\n"))
    error = failed_create(client_of(server.url))
    assert error.outcome == "unknown"
    assert server.connections == 1


def test_endless_headers_are_unknown(serve: Serve) -> None:
    server = serve(_say(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"))
    error = failed_create(client_of(server.url))
    assert error.outcome == "unknown"
    assert server.connections == 1


def test_every_create_uses_its_own_connection(serve: Serve) -> None:
    server = serve(always(answer(body=GOOD)))
    client = client_of(server.url)
    for _ in range(3):
        create(client)
    assert (server.connections, len(server.requests)) == (3, 3)


def test_create_never_reuses_the_idle_connection_of_a_read(serve: Serve) -> None:
    seen: list[tuple[str, int]] = []

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            seen.append((request.method, peer.number))
            peer.send(answer(body=GOOD))

    client = client_of(serve(script).url)
    client.retrieve_order(GOOD["ref"])
    create(client)
    client.retrieve_order(GOOD["ref"])
    assert seen == [("GET", 1), ("POST", 2), ("GET", 1)]


def test_rest_of_a_request_is_never_sent_over_another_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http.client opens a new connection by itself if the old one is gone."""
    original = HTTPConnection.endheaders

    def lose_the_connection(self: HTTPConnection, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.close()

    monkeypatch.setattr(HTTPConnection, "endheaders", lose_the_connection)
    server = serve(always(answer(body=GOOD)))
    error = failed_create(client_of(server.url))
    assert error.outcome == "unknown"
    time.sleep(0.05)
    assert server.connections == 1


def test_portal_fault_after_the_first_byte_is_unknown(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("apps.cdp.transport.Transport._read", broken)
    server = serve(always(answer(body=GOOD)))
    error = failed_create(client_of(server.url))
    _assert_unknown_and_sent_once(server, error, CdpUnexpected, "transport_fault")


def test_errors_have_no_chained_exceptions(serve: Serve) -> None:
    server = serve(_say(answer(200, raw=b'{"firstName": "Jane-Marker"')))
    error = failed_create(client_of(server.url))
    assert error.__cause__ is None
    assert error.__context__ is None


# --- Interim answers (RFC 9110, 15.2) -------------------------------------------------------------
@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        b"HTTP/1.1 199 Anything\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
    ],
)
def test_interim_answers_are_skipped(serve: Serve, interim: bytes) -> None:
    server = serve(always(interim + answer(body=GOOD)))
    creation = create(client_of(server.url))
    assert (creation.http_status, creation.consumer.ref) == (200, GOOD["ref"])
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [102, 103])
def test_interim_answers_without_a_final_one_are_unknown(serve: Serve, status: int) -> None:
    server = serve(once_then_close(f"HTTP/1.1 {status} Interim\r\n\r\n".encode() * 3))
    error = failed_create(client_of(server.url))
    assert (error.outcome, error.code) == ("unknown", "connection_lost")


def test_endless_interim_answers_are_cut_at_the_total_limit(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        while not peer.server.stopping.is_set():
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            time.sleep(0.05)

    error = failed_create(client_of(serve(script).url, read=1, total=0.4))
    assert (error.outcome, error.code) == ("unknown", "total_timeout")


def test_switch_of_protocols_is_no_interim_answer(serve: Serve) -> None:
    server = serve(once_then_close(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"))
    assert failed_create(client_of(server.url)).outcome == "unknown"
