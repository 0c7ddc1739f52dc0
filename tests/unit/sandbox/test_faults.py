"""Faults: which request gets which, when, and whether the consumer exists afterwards."""

import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.faults.catalogue import REQUEST_FAULTS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, basic, consumers_path, create_text
from tests.support.waiting import wait_until

DONE = {name for name, fault in REQUEST_FAULTS.items() if fault.done}


@pytest.fixture
def bare_connection(server: SandboxServer) -> Iterator[socket.socket]:
    """A bare connection."""
    address = Caller(server.base_url)
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        yield connection


def wait_for_request(server: SandboxServer) -> None:
    wait_until(server.sandbox.requests)


def test_every_fault_order_has_a_fault_and_no_other_order_has_the_same() -> None:
    assert FAULT_ORDERS.keys() <= REQUEST_FAULTS.keys()
    assert len(set(FAULT_ORDERS.values())) == len(FAULT_ORDERS)


def test_names_say_whether_the_work_is_done() -> None:
    assert {name for name in REQUEST_FAULTS if name.endswith("_after")} <= DONE
    assert not {name for name in REQUEST_FAULTS if name.endswith("_before")} & DONE


def test_ambiguous_faults_exist_before_and_after_the_work_and_others_are_true() -> None:
    doubtful = {name for name, fault in REQUEST_FAULTS.items() if fault.outcome == "unknown"}
    stems = {name.removesuffix("_before").removesuffix("_after") for name in doubtful}

    assert {name for name, fault in REQUEST_FAULTS.items() if fault.outcome == "created"} <= DONE
    assert not {name for name, fault in REQUEST_FAULTS.items() if fault.outcome == "rejected"} & DONE
    for stem in stems:
        pair = {name for name in doubtful if name.removesuffix("_before").removesuffix("_after") == stem}
        assert len(pair) == 2, pair
        assert len(pair & DONE) == 1, pair


@pytest.mark.parametrize("name", FAULT_ORDERS)
def test_fault_order_has_its_fault_and_the_work_is_done_or_not(
    caller: Caller, server: SandboxServer, name: str
) -> None:
    if name in ("no_answer_after", "no_answer_before", "slow"):
        caller.seconds = 0.3
    try:
        status = caller.create(FAULT_ORDERS[name]).status
    except OSError:
        status = None

    assert len(server.sandbox.consumers(FAULT_ORDERS[name])) == (name in DONE)
    (counted,) = server.sandbox.requests()
    assert (counted.fault, counted.done, counted.body_read) == (name, name in DONE, True)
    assert counted.status == (200 if name == "slow" else status)


@pytest.mark.parametrize("name", ["reset_after", "reset_before"])
def test_reset_is_an_rst_and_the_work_is_done_or_not(
    server: SandboxServer, bare_connection: socket.socket, name: str
) -> None:
    bare_connection.sendall(create_text(FAULT_ORDERS[name]))

    with pytest.raises(ConnectionResetError):
        bare_connection.recv(1)

    assert len(server.sandbox.consumers(FAULT_ORDERS[name])) == (name in DONE)
    (counted,) = server.sandbox.requests()
    assert (counted.fault, counted.done, counted.status) == (name, name in DONE, None)


@pytest.mark.parametrize("name", ["no_answer_after", "no_answer_before"])
def test_no_answer_holds_the_connection_until_the_client_disconnects(
    server: SandboxServer, bare_connection: socket.socket, name: str
) -> None:
    bare_connection.sendall(create_text(FAULT_ORDERS[name]))
    wait_for_request(server)
    bare_connection.settimeout(0.5)

    with pytest.raises(TimeoutError):
        bare_connection.recv(1)

    assert len(server.sandbox.consumers(FAULT_ORDERS[name])) == (name in DONE)
    bare_connection.shutdown(socket.SHUT_WR)
    bare_connection.settimeout(5)
    assert bare_connection.recv(1) == b""


def test_no_answer_ends_by_itself(server: SandboxServer, bare_connection: socket.socket) -> None:
    server.sandbox.faults.arm(Armed("no_answer_before", seconds=0.2))

    bare_connection.sendall(create_text(SAMPLE_ORDER))

    assert bare_connection.recv(1) == b""


def test_slow_answer_is_late_but_correct(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("slow", seconds=0.3))
    begun = time.monotonic()

    answer = caller.create(SAMPLE_ORDER)

    assert time.monotonic() - begun >= 0.3
    assert answer.json["ref"] == server.sandbox.consumers(SAMPLE_ORDER)[0].ref


def test_late_work_is_done_although_the_client_disconnected(
    server: SandboxServer, bare_connection: socket.socket
) -> None:
    server.sandbox.faults.arm(Armed("late_work", seconds=3))
    bare_connection.sendall(create_text(SAMPLE_ORDER))
    wait_for_request(server)
    (early,) = server.sandbox.requests()
    assert (early.done, early.status, early.fault) == (False, None, "late_work")
    assert server.sandbox.consumers(SAMPLE_ORDER) == []

    bare_connection.close()

    wait_until(lambda: server.sandbox.requests()[0].done)
    assert server.sandbox.requests()[0].status == 200
    assert len(server.sandbox.consumers(SAMPLE_ORDER)) == 1


def test_consumer_of_a_damaged_success_before_the_work_does_not_exist(
    caller: Caller, server: SandboxServer
) -> None:
    guests = caller.get("/v2.1/guests?limit=1").json["last"]
    server.sandbox.faults.arm(Armed("202_before"))

    promised = caller.create(SAMPLE_ORDER)

    assert (promised.status, promised.json["firstName"]) == (202, "Maeve")
    assert caller.get(f"/v2.1/orderConsumers/{promised.json['ref']}").status == 404
    assert caller.get("/v2.1/guests?limit=1").json["last"] == guests
    assert server.sandbox.consumers(SAMPLE_ORDER) == []


def test_rejected_body_is_not_damaged_into_a_success(caller: Caller, server: SandboxServer) -> None:
    for name in ("202_before", "empty_body_after"):
        server.sandbox.faults.arm(Armed(name))
        assert caller.create(SAMPLE_ORDER, firstName="").status == 400
    server.sandbox.faults.arm(Armed("500_before"))
    assert caller.create(SAMPLE_ORDER, firstName="").status == 500


def test_fault_that_does_not_exist_cannot_be_armed(server: SandboxServer) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        server.sandbox.faults.arm(Armed("nonsense"))


def test_rejected_body_on_a_fault_order_gets_its_rejection(caller: Caller, server: SandboxServer) -> None:
    answer = caller.create(FAULT_ORDERS["500_after"], firstName="")

    assert answer.status == 400
    assert server.sandbox.requests()[-1].done is False


def test_reads_of_a_fault_order_succeed(caller: Caller) -> None:
    for name in ("404", "500_before", "401"):
        assert caller.get(consumers_path(FAULT_ORDERS[name])).status == 200


def test_armed_fault_applies_to_its_number_of_creates(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("500_after", times=2))

    statuses = [caller.create(SAMPLE_ORDER).status for _attempt in range(3)]

    assert statuses == [500, 500, 200]
    assert len(server.sandbox.consumers(SAMPLE_ORDER)) == 3
    assert server.sandbox.faults.armed() == ()


def test_armed_faults_are_used_in_turn_before_the_orders_fault(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("409"))
    server.sandbox.faults.arm(Armed("429"))

    statuses = [caller.create(FAULT_ORDERS["403_html"]).status for _attempt in range(3)]

    assert statuses == [409, 429, 403]


def test_fault_armed_for_an_order_does_not_affect_others(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("409", order=SAMPLE_ORDER.upper()))

    assert caller.create(FAULT_ORDERS["403_html"]).status == 403
    assert caller.get(consumers_path(SAMPLE_ORDER)).status == 200
    assert caller.create(SAMPLE_ORDER).status == 409


def test_fault_can_be_armed_for_a_read(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("503_html_after", operation="list_order_consumers"))

    assert caller.create(SAMPLE_ORDER).status == 200
    assert caller.get(consumers_path(SAMPLE_ORDER)).status == 503
    assert caller.get(consumers_path(SAMPLE_ORDER)).status == 200


def test_unauthorised_request_does_not_use_up_an_armed_fault(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.faults.arm(Armed("409"))

    assert caller.send("POST", consumers_path(SAMPLE_ORDER), "{}", authorization="").status == 401
    assert len(server.sandbox.faults.armed()) == 1


def test_connection_stays_open_after_a_fault_with_an_answer(server: SandboxServer) -> None:
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
