"""Every fault, over the wire: what the caller sees, and whether the consumer is there afterwards."""

import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from apps.sandbox import faults
from apps.sandbox.faults import FAULTS, After, Armed, Before
from apps.sandbox.seed import FAULT_ORDERS, SAMPLE_ORDER
from apps.sandbox.server import SandboxServer
from apps.sandbox.validation import REQUIRED
from apps.sandbox.wire import Close, Hold
from tests.unit.sandbox.caller import Caller, basic, consumers_path

DONE = {name for name, fault in FAULTS.items() if isinstance(fault, After)}
STATUS_AND_TYPE = {
    "500_after": (500, "application/json"),
    "500_before": (500, "application/json"),
    "503_html_after": (503, "text/html"),
    "503_html_before": (503, "text/html"),
    "no_ref": (200, "application/json"),
    "truncated_json": (200, "application/json"),
    "401": (401, "application/json"),
    "403_html": (403, "text/html"),
    "404": (404, "application/json"),
    "409": (409, "application/json"),
    "429": (429, "application/json"),
    "slow": (200, "application/json"),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.3)


@pytest.fixture
def patient(server: SandboxServer) -> Iterator[socket.socket]:
    """A bare connection."""
    address = Caller(server.base_url)
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        yield connection


def create_text(order: str) -> bytes:
    body = json.dumps(dict.fromkeys(REQUIRED, "Maeve")).encode()
    head = (
        f"POST {consumers_path(order)} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def wait_for_request(server: SandboxServer) -> None:
    end = time.monotonic() + 5
    while not server.sandbox.requests() and time.monotonic() < end:
        time.sleep(0.01)


def test_every_fault_has_an_order_of_its_own() -> None:
    assert FAULT_ORDERS.keys() == FAULTS.keys()
    assert len(set(FAULT_ORDERS.values())) == len(FAULTS)


def test_the_names_say_whether_the_work_is_done() -> None:
    assert {name for name in FAULTS if name.endswith("_after")} <= DONE
    assert not {name for name in FAULTS if name.endswith("_before")} & DONE


@pytest.mark.parametrize("name", STATUS_AND_TYPE)
def test_a_fault_with_an_answer_gives_it_and_the_work_is_done_or_not(
    caller: Caller, server: SandboxServer, name: str
) -> None:
    answer = caller.create(FAULT_ORDERS[name])

    assert (answer.status, answer.headers["Content-Type"]) == STATUS_AND_TYPE[name]
    assert len(server.sandbox.consumers(FAULT_ORDERS[name])) == (name in DONE)
    (counted,) = server.sandbox.requests()
    assert (counted.fault, counted.done, counted.body_read) == (name, name in DONE, True)
    assert counted.status == answer.status


@pytest.mark.parametrize("name", ["reset_after", "reset_before"])
def test_a_reset_is_an_rst_and_the_work_is_done_or_not(
    server: SandboxServer, patient: socket.socket, name: str
) -> None:
    patient.sendall(create_text(FAULT_ORDERS[name]))

    with pytest.raises(ConnectionResetError):
        patient.recv(1)

    assert len(server.sandbox.consumers(FAULT_ORDERS[name])) == (name in DONE)
    (counted,) = server.sandbox.requests()
    assert (counted.fault, counted.done, counted.status) == (name, name in DONE, None)


@pytest.mark.parametrize("name", ["no_answer_after", "no_answer_before"])
def test_no_answer_holds_the_connection_until_the_client_goes(
    server: SandboxServer, patient: socket.socket, name: str
) -> None:
    patient.sendall(create_text(FAULT_ORDERS[name]))
    wait_for_request(server)
    patient.settimeout(0.5)

    with pytest.raises(TimeoutError):
        patient.recv(1)

    assert len(server.sandbox.consumers(FAULT_ORDERS[name])) == (name in DONE)
    patient.shutdown(socket.SHUT_WR)
    patient.settimeout(5)
    assert patient.recv(1) == b""


def test_no_answer_ends_by_itself(
    server: SandboxServer, patient: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Before("short", lambda _call: (Hold(0.2), Close()))
    monkeypatch.setitem(FAULTS, "short", held)
    server.sandbox.faults.arm(Armed("short"))

    patient.sendall(create_text(SAMPLE_ORDER))

    assert patient.recv(1) == b""


def test_a_success_without_ref_has_everything_else(caller: Caller) -> None:
    body = caller.create(FAULT_ORDERS["no_ref"]).json

    assert "ref" not in body
    assert body["firstName"] == "Maeve"


def test_truncated_json_is_a_whole_answer_that_does_not_parse(caller: Caller) -> None:
    with pytest.raises(json.JSONDecodeError):
        _ = caller.create(FAULT_ORDERS["truncated_json"]).json


def test_the_words_of_401_404_and_429_are_those_of_the_real_ones(caller: Caller) -> None:
    assert caller.create(FAULT_ORDERS["401"]).json["status"] == "UNAUTHORIZED"
    assert FAULT_ORDERS["404"] in caller.create(FAULT_ORDERS["404"]).json["developerMessage"]
    assert caller.create(FAULT_ORDERS["429"]).headers["Retry-After"] == "30"


def test_a_slow_answer_comes_late_but_right(caller: Caller) -> None:
    begun = time.monotonic()

    answer = caller.create(FAULT_ORDERS["slow"])

    assert time.monotonic() - begun >= 0.3
    assert answer.json["ref"]


def test_a_refused_body_on_a_fault_order_gets_its_refusal(caller: Caller, server: SandboxServer) -> None:
    answer = caller.create(FAULT_ORDERS["500_after"], firstName="")

    assert answer.status == 400
    assert server.sandbox.requests()[-1].done is False


def test_reads_of_a_fault_order_go_well(caller: Caller) -> None:
    for name in ("404", "500_before", "401"):
        assert caller.get(consumers_path(FAULT_ORDERS[name])).status == 200


def test_an_armed_fault_meets_the_next_creates_and_no_more(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("500_after", times=2))

    statuses = [caller.create(SAMPLE_ORDER).status for _attempt in range(3)]

    assert statuses == [500, 500, 200]
    assert len(server.sandbox.consumers(SAMPLE_ORDER)) == 3
    assert server.sandbox.faults.armed() == ()


def test_armed_faults_are_used_in_turn_and_before_the_one_of_the_order(
    caller: Caller, server: SandboxServer
) -> None:
    server.sandbox.faults.arm(Armed("409"))
    server.sandbox.faults.arm(Armed("429"))

    statuses = [caller.create(FAULT_ORDERS["403_html"]).status for _attempt in range(3)]

    assert statuses == [409, 429, 403]


def test_a_fault_armed_for_an_order_leaves_the_others_alone(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("409", order=SAMPLE_ORDER.upper()))

    assert caller.create(FAULT_ORDERS["403_html"]).status == 403
    assert caller.get(consumers_path(SAMPLE_ORDER)).status == 200
    assert caller.create(SAMPLE_ORDER).status == 409


def test_a_fault_can_be_armed_for_a_read(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("503_html_after", operation="list_order_consumers"))

    assert caller.create(SAMPLE_ORDER).status == 200
    assert caller.get(consumers_path(SAMPLE_ORDER)).status == 503
    assert caller.get(consumers_path(SAMPLE_ORDER)).status == 200


def test_a_stranger_does_not_use_up_an_armed_fault(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("409"))

    assert caller.send("POST", consumers_path(SAMPLE_ORDER), "{}", authorization="").status == 401
    assert len(server.sandbox.faults.armed()) == 1


def test_the_connection_lives_on_after_a_fault_that_answers(server: SandboxServer) -> None:
    address = Caller(server.base_url)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=5)
    headers = {"Authorization": basic(), "Content-Type": "application/json"}
    seen = []
    for order in (FAULT_ORDERS["500_before"], SAMPLE_ORDER):
        connection.request("POST", consumers_path(order), b'{"firstName": "a", "lastName": "b"}', headers)
        answer = connection.getresponse()
        answer.read()
        assert connection.sock is not None
        seen.append((answer.status, connection.sock.getsockname()))
    connection.close()

    assert [status for status, _name in seen] == [500, 200]
    assert seen[0][1] == seen[1][1]
