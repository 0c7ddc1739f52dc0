"""The sandbox server: sockets, threads, start and stop."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.catalogue import REQUEST_FAULTS
from sandbox.server.handler import MAX_BODY_BYTES
from sandbox.server.listener import LISTEN_QUEUE, Listener
from sandbox.server.sandbox_server import SandboxServer
from tests.support.ports import free_port
from tests.support.sandbox_caller import Caller, basic, consumers_path
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]


def talk(server: SandboxServer, text: bytes) -> bytes:
    """Send bytes on a bare connection and read until the server ends it."""
    address = Caller(server.base_url)
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(text)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "sandbox.example", "", "::"])
def test_only_a_loopback_address_is_accepted(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="SANDBOX_HOST"):
        SandboxServer(host, data=tmp_path / "sandbox.sqlite3")


def test_listen_queue_is_long() -> None:
    assert Listener.request_queue_size == LISTEN_QUEUE == 1024


def test_answer_is_one_write_without_delay(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    writes, nagle = [], []
    real = socket.socket.sendall

    def watched(self: socket.socket, data: bytes) -> None:
        if self.getsockname()[1] == Caller(server.base_url).port:
            writes.append(bytes(data))
            nagle.append(self.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        real(self, data)

    monkeypatch.setattr(socket.socket, "sendall", watched)
    body = Caller(server.base_url).get(f"/v2.1/orders/{SAMPLE_ORDER}").body

    assert len(writes) == 1
    assert writes[0].endswith(body)
    assert nagle[0] != 0


def test_connection_is_reused_for_the_next_request(server: SandboxServer) -> None:
    address = Caller(server.base_url)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    names = set()
    for _request in range(3):
        connection.request("GET", f"/v2.1/orders/{SAMPLE_ORDER}", headers={"Authorization": basic()})
        assert connection.getresponse().read()
        assert connection.sock is not None
        names.add(connection.sock.getsockname())
    connection.close()

    assert len(names) == 1


def test_concurrent_callers_each_get_their_own_consumer(server: SandboxServer, caller: Caller) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: caller.create(SAMPLE_ORDER, title=str(number)), range(60)))

    assert {answer.status for answer in answers} == {200}
    stored = {one.ref: json.loads(one.body)["title"] for one in server.sandbox.consumers(SAMPLE_ORDER)}
    assert stored == {answer.json["ref"]: answer.json["title"] for answer in answers}
    assert len(stored) == 60


def test_links_use_the_callers_host_name_unless_it_is_another_host(caller: Caller) -> None:
    order = f"/v2.1/orders/{SAMPLE_ORDER}"

    own = caller.send("GET", order, host=f"localhost:{caller.port}").json["href"]
    other = caller.send("GET", order, host="evil.example").json["href"]

    assert own == f"http://localhost:{caller.port}{order}"
    assert other == f"http://127.0.0.1:{caller.port}{order}"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: many", 411),
        ("Content-Length: -1", 411),
        (f"Content-Length: {MAX_BODY_BYTES + 1}", 413),
        (f"Content-Length: {'9' * 5000}", 413),
    ],
)
def test_body_without_a_length_or_with_too_much_is_refused_unread(
    server: SandboxServer, head: str, status: int
) -> None:
    answer = talk(server, f"POST {consumers_path(SAMPLE_ORDER)} HTTP/1.1\r\n{head}\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in answer
    (counted,) = server.sandbox.requests()
    assert (counted.body_read, counted.done, counted.status) == (False, False, status)


def test_truncated_body_is_recorded_as_not_read_and_not_done(server: SandboxServer) -> None:
    address = Caller(server.base_url)
    head = (
        f"POST {consumers_path(SAMPLE_ORDER)} HTTP/1.1\r\nAuthorization: {basic()}\r\n"
        "Content-Type: application/json\r\nContent-Length: 90\r\n\r\n"
    )
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(head.encode() + b'{"firstName"')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""

    (counted,) = server.sandbox.requests()
    assert (counted.method, counted.body_read, counted.done, counted.status) == ("POST", False, False, None)
    assert server.sandbox.consumers(SAMPLE_ORDER) == []


def test_invalid_http_is_answered_and_the_connection_closed(server: SandboxServer) -> None:
    assert talk(server, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert talk(server, b"BREW /pot HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 501 ")


def test_stopping_closes_held_connections_and_leaves_no_thread(server: SandboxServer) -> None:
    address = Caller(server.base_url)
    with socket.create_connection((address.host, address.port), timeout=5) as held:
        body = b'{"firstName": "a", "lastName": "b"}'
        held.sendall(
            f"POST {consumers_path(FAULT_ORDERS['no_answer_after'])} HTTP/1.1\r\nAuthorization: {basic()}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        wait_until(server.sandbox.requests)
        before = threading.active_count()
        begun = time.monotonic()

        server.stop()

        assert time.monotonic() - begun < REQUEST_FAULTS["no_answer_after"].seconds
        assert held.recv(1) == b""
        assert threading.active_count() < before
    with pytest.raises(ConnectionRefusedError):
        address.get("/v2.1/orders")
    server.stop()


def test_used_port_is_an_error_at_the_start(server: SandboxServer, tmp_path: Path) -> None:
    taken = Caller(server.base_url).port
    with pytest.raises(OSError, match="in use"):
        SandboxServer(port=taken, data=tmp_path / "other.sqlite3").start()


def test_sandbox_imports_neither_django_nor_the_portal() -> None:
    code = (
        "import sys, sandbox.__main__\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "refused = loaded & {'apps', 'consumerportal', 'django', 'requests', 'urllib3'}\n"
        "assert not refused, refused\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_and_stops_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "SANDBOX_PORT": str(port),
        "SANDBOX_DATA": str(tmp_path / "deep" / "sandbox.sqlite3"),
        "SANDBOX_API_TOKEN": "another-token",
    }
    command = [sys.executable, "-m", "sandbox"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert f"http://127.0.0.1:{port}" in process.stdout.readline()
            caller = Caller(f"http://127.0.0.1:{port}")
            order = f"/v2.1/orders/{SAMPLE_ORDER}"
            assert caller.get(order).status == 401
            assert caller.send("GET", order, authorization=basic(token="another-token")).status == 200
            process.send_signal(number)
            assert process.wait(10) == 0
        finally:
            process.kill()
