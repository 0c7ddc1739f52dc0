"""Processes that are killed or stopped at a certain moment: the stored outcome is true, with one send."""

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
from tests.faults.storm.people import PageContents, Person
from tests.faults.storm.world import World
from tests.support.prepared import for_children
from tests.support.supervised_processes import halt, send
from tests.support.waiting import wait_for

# The processes use their own database; this fixture's only determines the kind.
# PostgreSQL can be killed as well, and lets the workers write at the same time.
pytestmark = [pytest.mark.django_db, pytest.mark.processes("postgresql"), pytest.mark.xdist_group("killed")]

BOUND = 90.0  # seconds; the longest case is deadline, total limit, margin and checks: about 6
TOTAL = 3.0  # seconds, CDP_TOTAL_TIMEOUT of these processes
CREATE, LIST = "create_order_consumer", "list_order_consumers"
SUBMISSION = """SELECT id, outcome, error_code, consumer_ref, resolved_how, check_count, next_check_at
                FROM consumers_submission WHERE order_ref = ?"""
EVENTS = "SELECT action FROM audit_event WHERE order_ref = ? ORDER BY seq"


@pytest.fixture(scope="module")
def world(django_db_setup: None) -> Iterator[World]:
    """Portal, sandbox and two background workers, shared by all tests of this module."""
    for_children()
    environment = {
        "CDP_RECONCILIATION_AFTER": "0.3,1.5",
        "CDP_TOTAL_TIMEOUT": str(TOTAL),
        "CDP_CONNECT_TIMEOUT": "2.5",
    }
    command = ("-m", "tests.faults.storm.quick_worker")
    with World(connection.vendor, workers=2, worker_command=command, environment=environment) as world:
        world.serve()
        yield world


@dataclass
class Case:
    """One order with one entry, and the records of both."""

    world: World
    sam: Person
    entry: Entry
    pages_read: list[PageContents | None] = field(default_factory=list)

    def post(self) -> threading.Thread:
        """Post the entry in a thread, with retries."""
        person = careful_person(self.world)
        person.come_with(self.sam)

        def make() -> None:
            self.pages_read.append(person.make(self.entry))
            person.leave()

        thread = threading.Thread(target=make, daemon=True)
        thread.start()
        return thread

    def arm(self, fault: str, **facts: Any) -> None:
        """Arm a fault for the next request of an operation on this order, by default a create."""
        self.world.vendor.arm(fault=fault, order=self.entry.order, **facts)

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """The requests of an operation on this order; of a list only its first page."""
        return [
            request
            for request in self.world.vendor.requests()
            if request["operation"] == operation
            and self.entry.order in request["path"]
            and "offset=" not in request["path"]
        ]

    def consumers(self) -> list[str]:
        """The references of the vendor's consumers on this order."""
        return [c["ref"] for c in self.world.vendor.consumers() if c["order_ref"] == self.entry.order]

    def row(self) -> dict[str, Any]:
        """The submission; empty if there is none yet, or no database."""
        with suppress(psycopg.OperationalError):
            rows = self.world.rows(SUBMISSION, self.entry.order)
            assert len(rows) <= 1
            return rows[0] if rows else {}
        return {}

    def outcome(self) -> str:
        return str(self.row().get("outcome", ""))

    def events(self) -> list[str]:
        """The audit events of this order's submission, without retries and views."""
        actions = [row["action"] for row in self.world.rows(EVENTS, self.entry.order)]
        return [
            action for action in actions if action not in ("submission.repeat_blocked", "submission.viewed")
        ]

    def until_sent(self) -> None:
        """Wait until the create has arrived."""
        assert wait_for(lambda: self.requests(CREATE), BOUND)

    def until(self, *outcomes: str) -> None:
        """Wait until the submission has one of these outcomes."""
        assert wait_for(lambda: self.outcome() in outcomes, BOUND), self.row()

    def until_checked(self) -> int:
        """Wait until no check is due; returns how many ran: after a late first one there is no second."""

        def is_checked() -> bool:
            row = self.row()
            return bool(row["check_count"]) and row["next_check_at"] is None

        assert wait_for(is_checked, BOUND), self.row()
        return int(self.row()["check_count"])


@pytest.fixture(scope="module")
def sam(world: World) -> Iterator[Person]:
    """A browser that has signed in once: a password hash costs a second."""
    person = careful_person(world)
    person.sign_in()
    yield person
    person.leave()


def careful_person(world: World) -> Person:
    """A person for manual control by a test."""
    person = Person("sam", "practice-sam-2026", world.port, Pile([], 0, 0), lambda: None, 0)
    person.double_clicks = person.receipt_share = 0
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
    ("fault", "seconds"),
    [
        pytest.param("no_answer_after", 30, id="done"),
        pytest.param("late_work", 1.0, id="done later"),
    ],
)
def test_killed_web_worker_leaves_an_unknown_outcome_that_a_check_makes_created(
    case: Case, fault: str, seconds: float
) -> None:
    case.arm(fault, seconds=seconds)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGKILL)
    assert case.outcome() == "sending"
    posting.join(BOUND)  # the same form, until a page comes
    case.until("created")
    [ref] = case.consumers()
    row = case.row()
    assert (row["consumer_ref"], row["resolved_how"], row["error_code"]) == (
        ref,
        "by_reconciliation",
        "process_lost",
    )
    assert case.events() == ["consumer.create_requested", "consumer.outcome_unknown", "consumer.resolved"]
    [page] = case.pages_read
    assert page is not None
    assert page.submission != ""
    assert len(case.requests(CREATE)) == 1


def test_killed_web_worker_without_a_completed_send_leaves_an_unknown_outcome(case: Case) -> None:
    case.arm("no_answer_before", seconds=30)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGKILL)
    posting.join(BOUND)
    case.until_checked()
    row = case.row()
    assert (row["outcome"], row["error_code"]) == ("unknown", "process_lost")
    assert case.consumers() == []
    assert len(case.requests(CREATE)) == 1


def test_web_worker_stopped_past_the_deadline_before_the_first_byte_sends_nothing(case: Case) -> None:
    sandbox = case.world.sandbox.pid
    halt(sandbox)  # connections are accepted without a TLS handshake
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


def test_web_worker_stopped_past_the_deadline_after_the_first_byte_stores_the_true_outcome(
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


def test_web_worker_resumed_after_being_given_up_adds_nothing_if_it_has_no_answer(
    case: Case,
) -> None:
    case.arm("no_answer_before", seconds=30)
    posting = case.post()
    case.until_sent()
    signal_web_workers(case.world, signal.SIGSTOP)
    case.until("unknown")
    signal_web_workers(case.world, signal.SIGCONT)
    posting.join(BOUND)
    checked = ["consumer.checked"] * case.until_checked()
    assert case.events() == ["consumer.create_requested", "consumer.outcome_unknown", *checked]
    assert len(case.requests(CREATE)) == 1


# --- The background worker ----------------------------------------------------------------------------
def test_check_of_a_killed_worker_is_repeated_by_another_after_its_lease(case: Case) -> None:
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


def test_concurrent_workers_run_each_check_once(world: World, sam: Person) -> None:
    cases = [new_case(world, sam) for _ in range(8)]
    for case in cases:
        case.arm("reset_before")
    for posting in [case.post() for case in cases]:
        posting.join(BOUND)
    for case in cases:
        checks = case.until_checked()
        assert checks <= 2  # each check that the schedule has, at most once
        assert case.events().count("consumer.checked") == checks
        assert len(case.requests(LIST)) == 1 + checks


# --- The database -------------------------------------------------------------------------------------
def test_outcome_of_a_send_during_a_database_crash_comes_from_the_spool(case: Case) -> None:
    cluster = case.world.cluster
    if cluster is None:
        pytest.skip("SQLite has no server to kill")
    case.arm("slow", seconds=1.2)
    posting = case.post()
    case.until_sent()
    cluster.kill()
    posting.join(BOUND)
    [ref] = case.consumers()
    [page] = case.pages_read
    assert page is not None
    assert (page.outcome, page.ref) == ("created", ref)
    assert len(case.world.spooled()) == 1
    cluster.start()
    case.until("created")
    assert wait_for(lambda: not case.world.spooled(), BOUND)
    row = case.row()
    assert (row["consumer_ref"], row["resolved_how"]) == (ref, "")
    assert case.events() == ["consumer.create_requested", "consumer.created"]
    assert len(case.requests(CREATE)) == 1
