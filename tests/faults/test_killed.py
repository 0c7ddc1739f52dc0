"""Processes that are killed or stopped at a certain moment: what is stored is true, and it is sent once."""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.faults.storm import quick_worker
from tests.faults.storm.entries import Entry, Pile
from tests.faults.storm.people import Person, Told
from tests.faults.storm.world import World
from tests.support.supervised_processes import halt, send, wait_for

# The processes have a database of their own; this one only says of which kind.
pytestmark = pytest.mark.django_db

BOUND = 40.0  # seconds; the longest way is deadline, total limit, margin and look: about 12
TOTAL = 3.0  # seconds, CDP_TOTAL_TIMEOUT of these processes
CREATE, LIST = "create_order_consumer", "list_order_consumers"
SUBMISSION = """SELECT id, outcome, error_code, consumer_ref, resolved_how, check_count, next_check_at
                FROM consumers_submission WHERE order_ref = ?"""
EVENTS = "SELECT action FROM audit_event WHERE order_ref = ? ORDER BY seq"


@pytest.fixture(scope="module")
def world(django_db_setup: None) -> Iterator[World]:
    """Portal, sandbox and three background workers, for all tests of this module."""
    environment = {
        "CDP_RECONCILIATION_AFTER": "0.5,3",
        "CDP_TOTAL_TIMEOUT": str(TOTAL),
        "CDP_CONNECT_TIMEOUT": "2.5",
    }
    command = ("-m", "tests.faults.storm.quick_worker")
    with World(connection.vendor, workers=3, worker_command=command, environment=environment) as world:
        world.serve()
        yield world


@dataclass
class Case:
    """One order with one entry on it, and what can be seen of both."""

    world: World
    sam: Person
    entry: Entry
    told: list[Told | None] = field(default_factory=list)

    def post(self) -> threading.Thread:
        """Somebody makes the entry and insists, in a thread."""
        person = somebody(self.world)
        person.come_with(self.sam)

        def make() -> None:
            self.told.append(person.make(self.entry))
            person.leave()

        thread = threading.Thread(target=make, daemon=True)
        thread.start()
        return thread

    def arm(self, fault: str, **facts: Any) -> None:
        """The next request of an operation on this order, a create unless told otherwise, meets the fault."""
        self.world.vendor.arm(fault=fault, order=self.entry.order, **facts)

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """The requests of an operation on this order that have arrived; of a list its first page."""
        return [
            request
            for request in self.world.vendor.requests()
            if request["operation"] == operation
            and self.entry.order in request["path"]
            and "offset=" not in request["path"]
        ]

    def consumers(self) -> list[str]:
        """The references that the vendor has on this order."""
        return [c["ref"] for c in self.world.vendor.consumers() if c["order_ref"] == self.entry.order]

    def row(self) -> dict[str, Any]:
        """The submission; empty where there is none (yet), or no database."""
        with suppress(psycopg.OperationalError):
            rows = self.world.rows(SUBMISSION, self.entry.order)
            assert len(rows) <= 1
            return rows[0] if rows else {}
        return {}

    def outcome(self) -> str:
        return str(self.row().get("outcome", ""))

    def events(self) -> list[str]:
        """What the audit log tells of this order's submission, but that somebody tried again or read it."""
        told = [row["action"] for row in self.world.rows(EVENTS, self.entry.order)]
        return [action for action in told if action not in ("submission.repeat_blocked", "submission.viewed")]

    def until_sent(self) -> None:
        """Wait until the create has arrived."""
        assert wait_for(lambda: self.requests(CREATE), BOUND)

    def until(self, *outcomes: str) -> None:
        """Wait until the submission has one of these outcomes."""
        assert wait_for(lambda: self.outcome() in outcomes, BOUND), self.row()


@pytest.fixture(scope="module")
def sam(world: World) -> Iterator[Person]:
    """Signed in once: a password costs a second."""
    person = somebody(world)
    person.sign_in()
    yield person
    person.leave()


def somebody(world: World) -> Person:
    """A person who does nothing but what they are told to."""
    person = Person("sam", "practice-sam-2026", world.port, Pile([], 0, 0), lambda: None, 0)
    person.double_clicks = person.looks_at_receipts = 0
    return person


@pytest.fixture
def case(world: World, sam: Person) -> Case:
    return new_case(world, sam)


def new_case(world: World, sam: Person) -> Case:
    [order] = world.add_orders(1)
    return Case(world, sam, Entry(f"K-{order}", order, "Aoife", f"Killed-{order}"))


def signal_web_workers(world: World, number: signal.Signals) -> None:
    for pid in world.portal.children:
        if number is signal.SIGSTOP:
            halt(pid)
        else:
            send(pid, number)


# --- The web worker -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "seconds"), [("no_answer_after", 30), ("late_work", 1.0)], ids=["done", "done later"]
)
def test_a_killed_web_worker_leaves_an_unknown_that_a_look_makes_created(
    case: Case, fault: str, seconds: float
) -> None:
    case.arm(fault, seconds=seconds)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGKILL)
    assert case.outcome() == "sending"
    posting.join(BOUND)  # the same form, until there is a page again
    case.until("created")
    [ref] = case.consumers()
    row = case.row()
    assert (row["consumer_ref"], row["resolved_how"], row["error_code"]) == (
        ref,
        "by_reconciliation",
        "process_lost",
    )
    assert case.events() == ["consumer.create_requested", "consumer.outcome_unknown", "consumer.resolved"]
    [told] = case.told
    assert told is not None
    assert told.submission != ""
    assert len(case.requests(CREATE)) == 1


def test_a_killed_web_worker_whose_send_was_not_done_leaves_an_unknown(case: Case) -> None:
    case.arm("no_answer_before", seconds=30)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGKILL)
    posting.join(BOUND)
    assert wait_for(lambda: case.row()["check_count"] == 2, BOUND)
    row = case.row()
    assert (row["outcome"], row["error_code"], row["next_check_at"]) == ("unknown", "process_lost", None)
    assert case.consumers() == []
    assert len(case.requests(CREATE)) == 1


def test_a_web_worker_stopped_across_the_deadline_before_the_first_byte_sends_nothing(case: Case) -> None:
    sandbox = case.world.sandbox.pid
    halt(sandbox)  # a connection is accepted, but nobody shakes hands
    try:
        posting = case.post()
        case.until("sending", "not_sent")
        signal_web_workers(case.world, signal.SIGSTOP)
        send(sandbox, signal.SIGCONT)
        time.sleep(TOTAL + 0.5)
    finally:
        send(sandbox, signal.SIGCONT)
        signal_web_workers(case.world, signal.SIGCONT)
    posting.join(BOUND)
    case.until("not_sent")
    assert case.requests(CREATE) == []
    assert case.events() == ["consumer.create_requested", "consumer.not_sent"]


def test_a_web_worker_stopped_across_the_deadline_after_the_first_byte_stores_what_is_true(
    case: Case,
) -> None:
    case.arm("slow", seconds=0.3)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGSTOP)
    case.until("unknown", "created")  # a background worker has given it up meanwhile
    signal_web_workers(case.world, signal.SIGCONT)
    posting.join(BOUND)
    case.until("created")
    [ref] = case.consumers()
    assert case.row()["consumer_ref"] == ref
    assert len(case.requests(CREATE)) == 1


def test_a_web_worker_that_comes_back_after_it_was_given_up_and_knows_nothing_either_adds_nothing(
    case: Case,
) -> None:
    case.arm("no_answer_before", seconds=30)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGSTOP)
    case.until("unknown")
    signal_web_workers(case.world, signal.SIGCONT)
    posting.join(BOUND)
    assert wait_for(lambda: case.row()["check_count"] == 2, BOUND)
    checked = ["consumer.checked"] * 2
    assert case.events() == ["consumer.create_requested", "consumer.outcome_unknown", *checked]
    assert len(case.requests(CREATE)) == 1


# --- The background worker ----------------------------------------------------------------------------
def test_a_look_whose_worker_was_killed_is_taken_by_another_after_its_lease(case: Case) -> None:
    case.arm("reset_after")
    case.post().join(BOUND)
    case.arm("no_answer_before", operation=LIST, seconds=30)
    assert wait_for(lambda: any(r["fault"] for r in case.requests(LIST)), BOUND)
    for worker in case.world.workers:
        send(worker.pid, signal.SIGKILL)
    case.until("created")
    assert (case.row()["resolved_how"], case.row()["check_count"]) == ("by_reconciliation", 1)
    _before_the_send, lost, taken = (dt.datetime.fromisoformat(r["at"]) for r in case.requests(LIST))
    assert taken - lost > quick_worker.LEASE - dt.timedelta(seconds=1)
    assert len(case.requests(CREATE)) == 1


def test_many_workers_at_once_take_each_look_once(world: World, sam: Person) -> None:
    cases = [new_case(world, sam) for _ in range(8)]
    for case in cases:
        case.arm("reset_before")
    for posting in [case.post() for case in cases]:
        posting.join(BOUND)
    for case in cases:
        assert wait_for(lambda case=case: case.row()["check_count"] == 2, BOUND)  # type: ignore[misc]  # bound now
        assert case.events().count("consumer.checked") == 2
        assert len(case.requests(LIST)) == 1 + 2
        assert case.row()["next_check_at"] is None


# --- The database -------------------------------------------------------------------------------------
def test_a_database_killed_during_the_send_gets_the_outcome_from_the_spool(case: Case) -> None:
    cluster = case.world.cluster
    if cluster is None:
        pytest.skip("SQLite has no server to kill")
    case.arm("slow", seconds=1.2)
    posting = case.post()
    case.until_sent()
    cluster.kill()
    posting.join(BOUND)
    [ref] = case.consumers()
    [told] = case.told
    assert told is not None
    assert (told.outcome, told.ref) == ("created", ref)
    assert len(case.world.spooled()) == 1
    cluster.start()
    case.until("created")
    assert wait_for(lambda: not case.world.spooled(), BOUND)
    row = case.row()
    assert (row["consumer_ref"], row["resolved_how"]) == (ref, "")
    assert case.events() == ["consumer.create_requested", "consumer.created"]
    assert len(case.requests(CREATE)) == 1
