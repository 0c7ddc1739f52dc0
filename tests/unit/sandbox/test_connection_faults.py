"""Faults of connections: refused, reset, silent, invalid; over TLS too."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from sandbox.server.script_runner import RESET_ON_CLOSE
from tests.support.sandbox_caller import Caller, basic, create_text
from tests.support.waiting import wait_until
from tests.unit.sandbox.conftest import Start

ORDER = f"/v2.1/orders/{SAMPLE_ORDER}"
HEADERS = {"Authorization": basic(), "Content-Type": "application/json"}


@pytest.fixture(params=["", "good"], ids=["http", "tls"])
def either(request: pytest.FixtureRequest, start: Start) -> SandboxServer:
    """A sandbox without and with TLS."""
    return start(request.param)


@pytest.fixture
def open_connection(server: SandboxServer) -> Iterator[http.client.HTTPConnection]:
    """A connection that was open before any connection was refused."""
    connection = Caller(server.base_url).connection()
    connection.connect()
    yield connection
    connection.close()


def control(connection: http.client.HTTPConnection, method: str, values: object = None) -> int:
    body = None if values is None else json.dumps(values)
    connection.request(method, "/_sandbox/faults", body, HEADERS)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def ask(server: SandboxServer) -> int:
    ca_file = server.ca_file if server.base_url.startswith("https") else None
    return Caller(server.base_url, ca_file=ca_file).get(ORDER).status


def test_refused_port_is_closed_until_cleared(either: SandboxServer) -> None:
    for _time in range(2):
        either.sandbox.faults.arm(Armed("refuse"))
        with pytest.raises(ConnectionRefusedError):
            ask(either)
        either.sandbox.faults.arm(Armed("refuse"))  # the second call has no effect
        time.sleep(0.2)
        with pytest.raises(ConnectionRefusedError):
            ask(either)

        either.sandbox.faults.clear()

        assert ask(either) == 200


def test_refusal_ends_by_itself_on_the_same_port(server: SandboxServer) -> None:
    address = server.base_url
    server.sandbox.faults.arm(Armed("refuse", seconds=0.3))
    with pytest.raises(ConnectionRefusedError):
        ask(server)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            assert ask(server) == 200
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    else:
        pytest.fail("still refused")
    assert server.base_url == address


def test_open_connection_stays_and_can_clear_the_refusal(
    server: SandboxServer, open_connection: http.client.HTTPConnection
) -> None:
    assert control(open_connection, "POST", {"fault": "refuse"}) == 201
    with pytest.raises(ConnectionRefusedError):
        ask(server)
    assert control(open_connection, "DELETE") == 204
    assert ask(server) == 200


def test_request_does_not_use_up_the_fault_of_a_connection(
    server: SandboxServer, open_connection: http.client.HTTPConnection
) -> None:
    assert control(open_connection, "POST", {"fault": "reset_on_accept"}) == 201
    open_connection.request("POST", f"{ORDER}/consumers", '{"firstName": "a", "lastName": "b"}', HEADERS)
    assert open_connection.getresponse().read()

    with pytest.raises(ConnectionError):
        ask(server)


def test_refusing_sandbox_can_be_stopped_and_started(server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("refuse"))

    server.stop()

    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox"]
    server.start()
    assert ask(server) == 200


def test_reset_on_accept_reads_nothing_and_ends_after_its_times(either: SandboxServer) -> None:
    either.sandbox.faults.arm(Armed("reset_on_accept", times=2))

    for _time in range(2):
        with pytest.raises(ConnectionError):
            ask(either)

    assert either.sandbox.requests() == []
    assert ask(either) == 200
    assert either.connections == 3


def test_handshake_hangs_until_the_client_disconnects(start: Start) -> None:
    server = start("good")
    server.sandbox.faults.arm(Armed("hang_on_accept"))
    caller = Caller(server.base_url, seconds=0.3, ca_file=server.ca_file)

    with pytest.raises(TimeoutError, match="handshake"):
        caller.get(ORDER)

    def answering() -> list[str]:
        return [thread.name for thread in threading.enumerate() if "process_request" in thread.name]

    wait_until(lambda: answering() == [])


def test_nonsense_is_neither_tls_nor_http(either: SandboxServer) -> None:
    either.sandbox.faults.arm(Armed("nonsense_on_accept"))

    with pytest.raises((ssl.SSLError, http.client.BadStatusLine, ConnectionResetError)):
        ask(either)


def test_bad_record_comes_after_the_request_was_read(start: Start) -> None:
    server = start("good")
    server.sandbox.faults.arm(Armed("bad_record_after"))

    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
        Caller(server.base_url, ca_file=server.ca_file).create(SAMPLE_ORDER)

    (counted,) = server.sandbox.requests()
    assert (counted.body_read, counted.done, counted.status) == (True, True, None)


def test_reset_under_tls_is_an_rst(start: Start) -> None:
    server = start("good")
    server.sandbox.faults.arm(Armed("reset_after"))
    address = Caller(server.base_url)
    context = ssl.create_default_context(cafile=server.ca_file)
    with (
        socket.create_connection((address.host, address.port), timeout=5) as bare,
        context.wrap_socket(bare, server_hostname=address.host) as connection,
    ):
        connection.sendall(create_text(SAMPLE_ORDER))
        # Below TLS: above it Python reports a reset after the session tickets as a normal end.
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: socket.socket.recv(connection, 65_536), b""))

    assert len(server.sandbox.consumers(SAMPLE_ORDER)) == 1


def test_client_that_resets_its_connection_at_once_leaves_no_socket_open(either: SandboxServer) -> None:
    """Python warns about a socket that nobody closed, and the suite turns warnings into failures."""
    address = Caller(either.base_url)
    for _time in range(20):
        with socket.create_connection((address.host, address.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    assert ask(either) == 200
