"""Workers and the database are killed while lists are sent: each row once, and none is stuck.

A row whose send was interrupted becomes unknown, and created if its consumer is on the order.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.faults.storm.lists import Desk, DeskOfItsOwn
from tests.faults.storm.world import World
from tests.support.prepared import for_children
from tests.support.supervised_processes import halt, send
from tests.support.waiting import wait_for

# The processes use their own database; this fixture's only determines the kind. PostgreSQL is killed as well.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.processes("postgresql"),
    pytest.mark.xdist_group("batches killed"),
]

BOUND = 90.0  # seconds
CREATE, LIST = "create_order_consumer", "list_order_consumers"
STATES = """SELECT r.number AS number, COALESCE(s.outcome, r.state) AS current
            FROM batches_batchrow r JOIN batches_batch b ON b.id = r.batch_id
            LEFT JOIN consumers_submission s ON s.token = r.token
            WHERE b.order_ref = ? ORDER BY r.number"""
SUBMISSIONS = """SELECT batch_row, outcome, error_code, consumer_ref, resolved_how FROM consumers_submission
                 WHERE order_ref = ? ORDER BY id"""


@pytest.fixture(scope="module")
def world(django_db_setup: None) -> Iterator[World]:
    """Portal, sandbox and two background workers, shared by all tests of this module."""
    for_children()
    environment = {"CDP_RECONCILIATION_AFTER": "0.3,1.5", "BATCH_ROWS_PER_SECOND": "50"}
    command = ("-m", "tests.faults.storm.quick_worker")
    with World(connection.vendor, workers=2, worker_command=command, environment=environment) as world:
        world.serve()
        yield world


@pytest.fixture(scope="module")
def desk(world: World) -> Iterator[Desk]:
    made = DeskOfItsOwn(world.environment)
    yield made
    made.close()


@dataclass
class Case:
    """One order with one list, and the records of both."""

    world: World
    desk: Desk
    order: str
    batch: str = ""
    rows: int = 0
    wrong: list[str] = field(default_factory=list)

    def upload(self, rows: int) -> None:
        self.rows = rows
        self.batch = self.desk.upload("sam", self.order, rows)

    def confirm(self, fault: str = "", **facts: Any) -> None:
        """Confirm the list while the workers stand still, and arm a fault for the first request of theirs."""
        self._halt_workers()
        try:
            assert self.desk.confirm(self.batch) == self.rows
            if fault:
                self.arm(fault, **facts)
        finally:
            self._continue_workers()

    def _halt_workers(self) -> None:
        """Halt the workers outside of a transaction, whose locks would keep everybody else waiting."""
        for _ in range(50):
            for worker in self.world.workers:
                halt(worker.pid)
            if self.world.is_idle():
                return
            self._continue_workers()
            # Halted again at once, they would not have gone on.
            assert wait_for(self.world.is_idle, BOUND), "A transaction does not end"
        raise AssertionError("The workers are always inside a transaction")

    def _continue_workers(self) -> None:
        for worker in self.world.workers:
            send(worker.pid, signal.SIGCONT)

    def arm(self, fault: str, **facts: Any) -> None:
        self.world.vendor.arm(fault=fault, order=self.order, **facts)

    def requests(self, operation: str = CREATE) -> list[dict[str, Any]]:
        return [
            request
            for request in self.world.vendor.requests()
            if request["operation"] == operation and self.order in request["path"]
        ]

    def answer_waits(self) -> bool:
        """Whether the sandbox has sent bytes that nobody has read, on a connection that it keeps open.

        See proc_net_tcp in the documentation of Linux; 01 is ESTABLISHED.
        """
        port = f":{self.world.vendor.port:04X}"
        connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(
            remote.endswith(port) and state == "01" and int(queues.partition(":")[2], 16)
            for _number, _local, remote, state, queues, *_ in connections
        )

    def consumers(self) -> list[str]:
        return [c["ref"] for c in self.world.vendor.consumers() if c["order_ref"] == self.order]

    def states(self) -> list[str]:
        """The state of each row; empty while the database does not answer."""
        with suppress(psycopg.OperationalError):
            return [row["current"] for row in self.world.rows(STATES, self.order)]
        return []

    def submissions(self) -> list[dict[str, Any]]:
        return self.world.rows(SUBMISSIONS, self.order)

    def until_sent(self, count: int) -> None:
        """Wait until so many creates have arrived."""
        assert wait_for(lambda: len(self.requests()) >= count, BOUND), self.states()

    def until_ended(self, *ends: str) -> None:
        assert wait_for(lambda: self.desk.state(self.batch) in (ends or ("finished",)), BOUND), (
            self.desk.state(self.batch),
            self.states(),
        )

    def until(self, counts: dict[str, int]) -> None:
        assert wait_for(lambda: Counter(self.states()) == counts, BOUND), Counter(self.states())

    def assert_one_to_one(self) -> None:
        """Each consumer at the vendor belongs to one created row, and each created row to one consumer."""
        created = [one["consumer_ref"] for one in self.submissions() if one["outcome"] == "created"]
        assert sorted(created) == sorted(self.consumers())
        assert len({*created}) == len(created)
        assert self.wrong == []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Check all the time that every row has a state, and that none leaves "created"."""
        over = threading.Event()

        def watch() -> None:
            created: set[int] = set()
            while not over.is_set():
                if states := self.states():
                    if len(states) != self.rows:
                        self.wrong.append(f"{len(states)} states of {self.rows} rows")
                    now = {number for number, state in enumerate(states) if state == "created"}
                    if created - now:
                        self.wrong.append(f"no longer created: {created - now}")
                    created |= now
                    if Counter(states)["sending"] > 1:
                        self.wrong.append("two rows in flight")
                over.wait(0.05)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(BOUND)


@pytest.fixture
def case(world: World, desk: Desk) -> Case:
    [order] = world.add_orders(1)
    return Case(world, desk, order)


def kill_workers(world: World) -> None:
    for worker in world.workers:
        send(worker.pid, signal.SIGKILL)


# --- At every step of a row ---------------------------------------------------------------------------
def test_worker_killed_before_the_record_leaves_the_row_ready(case: Case) -> None:
    case.upload(3)
    before = len(case.requests(LIST))
    with case.watched():
        case.confirm("no_answer_before", operation=LIST, seconds=30)
        # The confirmation has read the order once more.
        assert wait_for(lambda: len(case.requests(LIST)) >= before + 2, BOUND)
        kill_workers(case.world)
        case.until_ended()
    assert case.states() == ["created"] * 3
    assert len(case.requests()) == 3
    case.assert_one_to_one()


def test_worker_killed_between_the_record_and_the_first_byte_leaves_an_unknown_row(case: Case) -> None:
    case.upload(2)
    sandbox = case.world.sandbox.pid
    with case.watched():
        case.confirm("slow", seconds=0.5, times=10)
        assert wait_for(lambda: len(case.requests()) == 1, BOUND)
        halt(sandbox)  # connections are accepted without a TLS handshake
        try:
            assert wait_for(lambda: "sending" in case.states()[1:], BOUND), case.states()
            kill_workers(case.world)
        finally:
            send(sandbox, signal.SIGCONT)
        case.until({"created": 1, "unknown": 1})
        case.until_ended()
    assert len(case.requests()) == 1
    assert case.submissions()[1]["error_code"] == "process_lost"
    case.assert_one_to_one()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("no_answer_after", "created"), ("no_answer_before", "unknown"), ("late_work", "created")],
)
def test_worker_killed_during_the_call_leaves_a_row_that_reconciliation_decides(
    case: Case, fault: str, outcome: str
) -> None:
    case.upload(3)
    with case.watched():
        case.confirm(fault, seconds=1 if fault == "late_work" else 30)
        assert wait_for(case.requests, BOUND)
        kill_workers(case.world)
        assert case.states()[0] == "sending"
        case.until_ended()
        case.until({"created": 3} if outcome == "created" else {"created": 2, "unknown": 1})
    assert len(case.requests()) == 3
    first = case.submissions()[0]
    assert (first["outcome"], first["error_code"]) == (outcome, "process_lost")
    case.assert_one_to_one()


def test_worker_killed_between_the_answer_and_its_record_sends_the_row_once(case: Case) -> None:
    case.upload(3)
    with case.watched():
        case.confirm("slow", seconds=1)
        assert wait_for(case.requests, BOUND)
        for worker in case.world.workers:
            halt(worker.pid)
        assert wait_for(lambda: len(case.consumers()) == 1, BOUND)
        assert wait_for(case.answer_waits, BOUND)  # at a process that stands still
        kill_workers(case.world)
        case.until_ended()
        case.until({"created": 3})
    assert len(case.requests()) == 3
    assert [one["resolved_how"] for one in case.submissions()] == ["by_reconciliation", "", ""]
    case.assert_one_to_one()


def test_workers_killed_again_and_again_send_each_row_once(case: Case) -> None:
    case.upload(20)
    with case.watched():
        case.confirm("slow", seconds=0.3, times=20)
        for count in (2, 5, 8):
            case.until_sent(count)
            kill_workers(case.world)
        case.until_ended()
        case.until({"created": 20})
    assert len(case.requests()) == 20
    case.assert_one_to_one()


# --- The database ---------------------------------------------------------------------------------------
def test_killed_database_is_waited_for(case: Case) -> None:
    if case.world.cluster is None:
        pytest.skip("SQLite has no server")
    case.upload(12)
    with case.watched():
        case.confirm("slow", seconds=0.3, times=12)
        for count in (3, 7):
            case.until_sent(count)
            case.world.cluster.kill()
            case.world.cluster.start()
        case.until_ended()
        case.until({"created": 12})
    assert len(case.requests()) == 12
    case.assert_one_to_one()


# --- Several workers, pauses and stops ------------------------------------------------------------------
def test_two_lists_for_one_order_are_sent_one_row_at_a_time(case: Case, desk: Desk) -> None:
    case.upload(8)
    second = desk.upload("sue", case.order, 8, first=100)
    overlapping: list[int] = []
    over = threading.Event()

    def watch() -> None:
        statement = (
            "SELECT count(*) AS n FROM consumers_submission WHERE outcome = 'sending' AND order_ref = ?"
        )
        while not over.wait(0.02):
            [row] = case.world.rows(statement, case.order)
            if row["n"] > 1:
                overlapping.append(row["n"])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    case.confirm("slow", seconds=0.2, times=16)
    assert desk.confirm(second) == 8
    assert wait_for(lambda: {desk.state(one) for one in (case.batch, second)} == {"finished"}, BOUND)
    over.set()
    thread.join(BOUND)
    assert overlapping == []
    assert len(case.requests()) == 16
    case.assert_one_to_one()


@pytest.mark.parametrize("round_", [0, 2])
def test_nothing_is_sent_after_a_stop(case: Case, desk: Desk, round_: int) -> None:
    case.upload(15)
    with case.watched():
        case.confirm("slow", seconds=0.05 + 0.1 * round_, times=15)
        assert wait_for(lambda: len(case.requests()) >= 3, BOUND)
        assert desk.change("stop", case.batch) == "stopped"
        # A row that was recorded before the stop may still be under way; no other one follows.
        recorded = len(case.submissions())
        assert wait_for(lambda: "sending" not in case.states(), BOUND)
        kill_workers(case.world)
        assert wait_for(lambda: all(worker.pid for worker in case.world.workers), BOUND)
    assert len(case.submissions()) == recorded == len(case.requests())
    assert Counter(case.states()) == {"created": recorded, "left_out": 15 - recorded}
    case.assert_one_to_one()


def test_paused_list_is_resumed_where_it_was(case: Case, desk: Desk) -> None:
    case.upload(12)
    with case.watched():
        case.confirm("slow", seconds=0.1, times=12)
        for count in (2, 5):
            case.until_sent(count)
            assert desk.change("pause", case.batch) == "paused"
            assert wait_for(lambda: "sending" not in case.states(), BOUND)
            kill_workers(case.world)
            assert desk.change("resume", case.batch) == "sending"
        case.until_ended()
    assert case.states() == ["created"] * 12
    assert len(case.requests()) == 12
    case.assert_one_to_one()


def test_worker_that_is_stopped_completes_its_row(case: Case) -> None:
    case.upload(2)
    case.confirm("slow", seconds=1)
    assert wait_for(case.requests, BOUND)
    for worker in case.world.workers:
        send(worker.pid, signal.SIGTERM)
    case.until_ended()
    assert [one["resolved_how"] for one in case.submissions()] == ["", ""]
    assert case.states() == ["created"] * 2
    case.assert_one_to_one()
