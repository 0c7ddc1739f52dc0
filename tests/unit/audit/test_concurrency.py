"""Many writers at once, each with its own connection and real commits: no fork, no gap, nothing lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from apps.audit.chain import GENESIS, row_hash
from apps.audit.events import Event
from apps.audit.models import AuditHead
from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.core.actor import Actor
from tests.unit.audit.test_recording import stored_rows

# Real commits; on SQLite the suite's database is a file, with the locks of one (tests/conftest.py).
pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 8  # below the pool's size
EVENTS_EACH = 15
BOUND = 60  # seconds


def at_once(work: Callable[[int], list[int]]) -> list[int]:
    """Run the work in every writer's thread, all starting together; what they returned, in one list."""
    start = Barrier(WRITERS, timeout=BOUND)

    def run(writer: int) -> list[int]:
        try:
            connection.ensure_connection()
            start.wait()
            return work(writer)
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        return [number for numbers in pool.map(run, range(WRITERS), timeout=BOUND) for number in numbers]


def check_the_chain() -> list[str]:
    """Every row follows from the one before it, and the head is the last; the actors' names in order."""
    previous = GENESIS
    rows = stored_rows()
    for number, (row, own_hash) in enumerate(rows, start=1):
        assert (row.seq, row.previous_hash, row_hash(row)) == (number, previous, own_hash)
        previous = own_hash
    assert [row.time for row, _ in rows] == sorted(row.time for row, _ in rows)
    head = AuditHead.objects.get()
    assert (head.seq, head.hash) == (len(rows), previous)
    return [row.actor_name for row, _ in rows]


def test_writers_at_once_make_one_chain_from_an_empty_log() -> None:
    def work(writer: int) -> list[int]:
        numbers = []
        for _ in range(EVENTS_EACH):
            with transaction.atomic():
                numbers.append(record(Event(SUBMISSION_VIEWED, Actor.system(f"writer-{writer}"))))
        return numbers

    numbers = at_once(work)
    assert sorted(numbers) == list(range(1, WRITERS * EVENTS_EACH + 1))
    names = check_the_chain()
    assert {name: names.count(name) for name in names} == {
        f"system:writer-{writer}": EVENTS_EACH for writer in range(WRITERS)
    }


def test_what_is_rolled_back_leaves_no_gap_for_the_others() -> None:
    def work(writer: int) -> list[int]:
        numbers = []
        for turn in range(EVENTS_EACH):
            try:
                with transaction.atomic():
                    number = record(Event(SUBMISSION_VIEWED, Actor.system(f"writer-{writer}")))
                    if (turn + writer) % 3 == 0:
                        raise ZeroDivisionError
                    numbers.append(number)
            except ZeroDivisionError:
                continue
        return numbers

    numbers = at_once(work)
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert len(check_the_chain()) == len(numbers) == WRITERS * EVENTS_EACH * 2 // 3


def test_writers_at_once_survive_a_lost_head() -> None:
    with transaction.atomic():
        record(Event(SUBMISSION_VIEWED, Actor.system("first")))
    AuditHead.objects.all().delete()

    def work(writer: int) -> list[int]:
        with transaction.atomic():
            return [record(Event(SUBMISSION_VIEWED, Actor.system(f"writer-{writer}")))]

    assert sorted(at_once(work)) == list(range(2, WRITERS + 2))
    check_the_chain()
