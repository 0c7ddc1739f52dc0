"""Before the first byte: every failure reports with certainty that nothing was sent."""

from __future__ import annotations

import datetime as dt
import gc
import socket
import ssl
import time
import warnings
from typing import Any

import pytest

from apps.cdp.attempt import utc_now
from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpBadReference, CdpError, CdpNotConfigured, CdpUnreachable
from tests.support.cdp_clients import GOOD, JANE, client_of, create, failed_create, far_deadline
from tests.support.certificates import Certificate
from tests.support.ports import free_port
from tests.support.scripted_servers import Peer, Serve, always, answer, once_then_close


def _assert_not_sent(error: CdpError, code: str) -> None:
    assert isinstance(error, CdpUnreachable)
    assert (error.outcome, error.code) == ("not_sent", code)


def test_refused_connection_is_not_sent() -> None:
    _assert_not_sent(failed_create(client_of(f"http://127.0.0.1:{free_port()}")), "connect_refused")


def test_unresolvable_name_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    _assert_not_sent(failed_create(client_of("http://localhost:9")), "name_not_resolved")


def test_self_signed_certificate_is_not_sent(serve: Serve, certificate: Certificate) -> None:
    server = serve(always(answer(body=GOOD)), certificate.context)
    _assert_not_sent(failed_create(client_of(server.url)), "tls_failed")
    assert server.requests == []


def test_trusted_certificate_of_another_host_is_not_sent(
    serve: Serve, wrong_certificate: Certificate
) -> None:
    server = serve(always(answer(body=GOOD)), wrong_certificate.context)
    error = failed_create(client_of(server.url, ca_file=str(wrong_certificate.file)))
    _assert_not_sent(error, "tls_failed")
    assert server.requests == []


def test_environment_cannot_set_certificates_or_proxies(
    serve: Serve, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate.file))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = serve(always(answer(body=GOOD)), certificate.context)
    _assert_not_sent(failed_create(client_of(server.url)), "tls_failed")
    assert create(client_of(server.url, ca_file=str(certificate.file))).consumer.ref == GOOD["ref"]


def test_hanging_handshake_ends_at_the_connect_limit(serve: Serve, certificate: Certificate) -> None:
    server = serve(Peer.wait_for_end)
    began = time.monotonic()
    error = failed_create(client_of(server.url.replace("http:", "https:"), connect=0.3, total=20))
    _assert_not_sent(error, "connect_timeout")
    assert time.monotonic() - began < 10
    assert server.connections == 1


def test_dripping_handshake_ends_at_the_connect_limit(serve: Serve) -> None:
    def drip(peer: Peer) -> None:
        peer.receive()
        peer.send(b"\x16\x03\x03\x40\x00")  # the head of a long handshake record (RFC 8446, 5.1)
        while not peer.server.stopping.is_set():
            peer.send(b"\x02")
            time.sleep(0.1)

    server = serve(drip)
    began = time.monotonic()
    error = failed_create(client_of(server.url.replace("http:", "https:"), connect=0.4, total=20))
    _assert_not_sent(error, "connect_timeout")
    assert time.monotonic() - began < 10


def test_reset_during_the_handshake_is_not_sent(serve: Serve) -> None:
    server = serve(Peer.reset)
    error = failed_create(client_of(server.url.replace("http:", "https:")))
    assert isinstance(error, CdpUnreachable)
    assert server.connections == 1


def test_socket_of_a_connection_that_was_reset_before_the_handshake_is_closed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reset(_socket: ssl.SSLSocket) -> object:
        raise ConnectionResetError

    monkeypatch.setattr(ssl.SSLSocket, "getpeername", reset)  # as if it came between two calls of wrap_socket
    server = serve(Peer.wait_for_end)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert isinstance(failed_create(client_of(server.url.replace("http:", "https:"))), CdpUnreachable)
        gc.collect()
    server.wait_for_finished(1)
    assert server.finished == 1, "The server sees the end of the connection"
    assert [one.message for one in warned if one.category is ResourceWarning] == []


@pytest.mark.parametrize("late_by", [0, 1])
def test_no_byte_is_written_after_the_deadline(serve: Serve, late_by: int) -> None:
    server = serve(Peer.wait_for_end)
    now = utc_now()
    client = client_of(server.url, clock=lambda: now)
    error = failed_create(client, deadline=now - dt.timedelta(seconds=late_by))
    _assert_not_sent(error, "deadline_passed")
    server.wait_for_finished(1)
    assert (server.connections, server.bytes_read) == (1, 0)


def test_deadline_that_passes_while_connecting_is_enforced(serve: Serve, certificate: Certificate) -> None:
    server = serve(always(answer(body=GOOD)), certificate.context)
    start = utc_now()
    client = client_of(
        server.url,
        ca_file=str(certificate.file),
        clock=lambda: start + dt.timedelta(seconds=10 * server.connections),
    )
    _assert_not_sent(failed_create(client, deadline=start + dt.timedelta(seconds=5)), "deadline_passed")
    assert server.requests == []


def test_deadline_without_a_zone_is_refused() -> None:
    client = client_of("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="time zone"):
        create(client, deadline=far_deadline().replace(tzinfo=None))


def test_total_limit_also_ends_connecting(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(Peer.wait_for_end)
    found = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)

    def slow(*_: object, **__: object) -> object:
        time.sleep(0.3)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    _assert_not_sent(failed_create(client_of(server.url, connect=5, total=0.1)), "connect_timeout")
    server.wait_for_finished(1)
    assert (server.connections, server.bytes_read) == (1, 0)


@pytest.mark.parametrize("addresses", [1, 8])
def test_connect_limit_covers_all_addresses_together(monkeypatch: pytest.MonkeyPatch, addresses: int) -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = full.getsockname()[1]
    waiting = []
    for _ in range(3):  # fill the queue, so that further connections get no answer
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
        waiting.append(filler)
    one = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [one] * addresses)
    began = time.monotonic()
    error = failed_create(client_of(f"http://127.0.0.1:{port}", connect=0.8, total=20))
    took = time.monotonic() - began
    for used in (full, *waiting):
        used.close()
    _assert_not_sent(error, "connect_timeout")
    assert took < 5  # eight addresses one after the other would take 6.4 seconds


def test_second_address_is_tried_when_the_first_refuses(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(always(answer(body=GOOD)))
    closed = free_port()
    real = socket.getaddrinfo
    places = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (closed, server.port)
    ]
    asked: list[tuple[object, ...]] = []

    def find(host: str, *rest: Any, **options: Any) -> object:
        if host == "127.0.0.1":
            return real(host, *rest, **options)
        asked.append((host, *rest, options))
        return places

    monkeypatch.setattr(socket, "getaddrinfo", find)
    assert create(client_of(f"http://localhost:{server.port}")).consumer.ref == GOOD["ref"]
    assert len(server.requests) == 1
    assert asked == [("localhost", server.port, {"type": socket.SOCK_STREAM})]


def test_request_through_a_proxy_starts_after_the_tunnel_and_the_handshake(
    serve: Serve, certificate: Certificate
) -> None:
    def refuse(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    proxy = serve(refuse)
    error = failed_create(client_of("https://127.0.0.1:9", proxy=proxy.url))
    _assert_not_sent(error, "proxy_failed")
    assert [request.method for request in proxy.requests] == ["CONNECT"]

    def open_and_close(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.connection.shutdown(socket.SHUT_WR)
        peer.wait_for_end()  # closing with unread bytes would reset the connection

    proxy = serve(open_and_close)
    _assert_not_sent(failed_create(client_of("https://127.0.0.1:9", proxy=proxy.url)), "tls_failed")


def test_proxy_that_answers_nothing_is_not_sent(serve: Serve) -> None:
    """None of the known causes: the code is the general one."""
    proxy = serve(once_then_close(b""))
    _assert_not_sent(failed_create(client_of("https://127.0.0.1:9", proxy=proxy.url)), "connect_failed")


def test_create_passes_through_a_proxy(serve: Serve, certificate: Certificate) -> None:
    server = serve(always(answer(body=GOOD)), certificate.context)

    def tunnel(peer: Peer) -> None:
        peer.read_request()
        with socket.create_connection(("127.0.0.1", server.port)) as onward:
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            onward.settimeout(0.05)
            peer.connection.settimeout(0.05)
            while not peer.server.stopping.is_set():
                for source, target in ((peer.connection, onward), (onward, peer.connection)):
                    try:
                        data = source.recv(65_536)
                    except TimeoutError:
                        continue
                    if not data:
                        return
                    target.sendall(data)

    proxy = serve(tunnel)
    client = client_of(server.url, ca_file=str(certificate.file), proxy=proxy.url, total=5)
    assert create(client).consumer.ref == GOOD["ref"]
    assert len(server.requests) == 1
    assert "authorization" not in proxy.requests[0].headers


@pytest.mark.parametrize("drip", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_dripping_proxy_ends_at_the_connect_limit(serve: Serve, drip: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(drip)
        while not peer.server.stopping.is_set():
            peer.send(b"x")
            time.sleep(0.05)

    proxy = serve(script)
    began = time.monotonic()
    error = failed_create(client_of("https://127.0.0.1:9", proxy=proxy.url, connect=0.4, read=20, total=30))
    _assert_not_sent(error, "connect_timeout")
    assert time.monotonic() - began < 10


def test_proxys_time_is_deducted_from_the_connect_limit_of_the_handshake(serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        time.sleep(2)
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.wait_for_end()

    proxy = serve(script)
    began = time.monotonic()
    error = failed_create(client_of("https://127.0.0.1:9", proxy=proxy.url, connect=5, total=20))
    _assert_not_sent(error, "connect_timeout")
    assert 2 < time.monotonic() - began < 6.5  # with five seconds for the handshake alone it would be 7


def test_unresolvable_name_of_a_proxy_is_not_that_of_the_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    error = failed_create(client_of("https://127.0.0.1:9", proxy="http://localhost:3128"))
    _assert_not_sent(error, "proxy_failed")


def test_unreachable_proxy_is_not_sent() -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    error = failed_create(client_of("https://127.0.0.1:9", proxy=proxy))
    _assert_not_sent(error, "proxy_failed")


def test_client_without_settings_sends_nothing_and_names_the_missing_one() -> None:
    client = CdpClient(CdpNotConfigured(detail="CDP_BASE_URL is empty"))
    error = failed_create(client)
    assert isinstance(error, CdpNotConfigured)
    assert (error.outcome, error.code, str(error)) == (
        "not_sent",
        "not_configured",
        "not_configured: CDP_BASE_URL is empty",
    )
    assert client.is_own_link("https://api-engage-eu.sitecorecloud.io/v2.1/orders/1") is False


@pytest.mark.parametrize(
    "reference", ["", ".", "..", "a\nb", "a\x00b", "\x7f", "a\u2028b", "\ud800", "x" * 201]
)
def test_reference_that_could_change_the_path_is_not_sent(serve: Serve, reference: str) -> None:
    server = serve(always(answer(body=GOOD)))
    client = client_of(server.url)
    with pytest.raises(CdpBadReference) as caught:
        client.create_order_consumer(reference, JANE, deadline=far_deadline())
    assert caught.value.outcome == "not_sent"
    with pytest.raises(CdpBadReference):
        client.retrieve_guest(reference)
    assert server.connections == 0
