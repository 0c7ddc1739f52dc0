"""A deployment during many sends: each ends with a stored, true outcome, and none is unknown.

``STOP_SENDS=100 make test ARGS=tests/faults/test_graceful_stop.py`` runs each test with a hundred concurrent
sends, and with ``--postgresql`` in ARGS on PostgreSQL; the suite runs them with 40.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.support.deployed import PATIENT, Place, Portal, at_once, place, portal
from tests.support.entries import posted
from tests.support.http_browser import Answer
from tests.support.unique_entries import consumer
from tests.support.waiting import wait_until

# The portals use their own databases; the mark only determines their kind.
# On SQLite the many outcomes have to wait for each other; PostgreSQL would store them at the same time.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.processes("sqlite"),
    pytest.mark.xdist_group("graceful stop"),
]

SENDS = int(os.environ.get("STOP_SENDS", "40"))
SOME = SENDS // 4
TIMEOUT = 60.0  # seconds


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("stop")) as prepared:
        yield prepared


@pytest.fixture
def stopping(there: Place) -> Iterator[Portal]:
    """A portal of two processes, each with threads for all sends, for a test that stops it."""
    with portal(there, workers=2, threads=SENDS + 20, **PATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def lasting(there: Place) -> Iterator[Portal]:
    """The same for tests that replace its processes."""
    with portal(there, workers=2, threads=SENDS + 20, **PATIENT) as started:
        yield started


class Sends:
    """Many people who press Create, and their results: the first ones at once, the others later."""

    def __init__(self, there: Place, portal: Portal, *, first: int = SENDS) -> None:
        self._there, self._before = there, len(there.creates())
        self._others = threading.Event()
        person = portal.person("sam")
        entries = [posted(consumer(), order=there.order()) for _ in range(SENDS)]
        self._answers: list[Answer | Exception] = []

        def press(number: int) -> Answer:
            if number >= first:
                assert self._others.wait(TIMEOUT)
            return person.post(entries[number])

        acts = [partial(press, number) for number in range(SENDS)]
        self._thread = threading.Thread(target=lambda: self._answers.extend(at_once(acts)), daemon=True)
        self._thread.start()

    def press_others(self) -> None:
        """Let the others press Create, too."""
        self._others.set()

    def wait_for(self, count: int) -> None:
        """Wait until that many requests are on the wire."""
        wait_until(
            lambda: len(self._there.creates()) - self._before >= count, TIMEOUT, f"{count} on the wire"
        )

    def receipts(self) -> list[str]:
        """The submissions whose receipts people were redirected to, once all have a result."""
        self._thread.join(2 * TIMEOUT)
        answers = [answer for answer in self._answers if isinstance(answer, Answer)]
        assert {answer.status for answer in answers} <= {303}, Counter(a.status for a in answers)
        return sorted(answer.location.split("/")[2] for answer in answers)

    @property
    def cut(self) -> Counter[str]:
        """The kinds of failures of those who got no page."""
        return Counter(type(answer).__name__ for answer in self._answers if isinstance(answer, Exception))


def check_truth(there: Place, receipts: list[str]) -> None:
    """Assert that every request on the wire is created and stored, and nothing else is."""
    created = there.submissions("created")
    assert there.outcomes() == {"created": len(there.creates())}
    consumers = {one.ref for order in there.used for one in there.sandbox.sandbox.consumers(order)}
    assert {ref for [ref] in there.rows("SELECT consumer_ref FROM consumers_submission")} == consumers
    assert there.events("consumer.created") == len(created) == len(consumers)
    assert set(receipts) <= set(created)


# --- The whole portal stops -----------------------------------------------------------------------
def stops(portal: Portal) -> bool:
    """Whether the portal has begun to stop. Its port stays open until the last process has ended."""
    return "Handling signal: term" in portal.log.read_text(errors="replace")


@pytest.mark.parametrize("waiting", [pytest.param(SOME, id="some"), pytest.param(SENDS, id="all")])
def test_stop_completes_every_send_and_starts_no_more(there: Place, stopping: Portal, waiting: int) -> None:
    before = there.outcomes()["created"]
    with there.held_answers() as answer:
        sends = Sends(there, stopping, first=waiting)
        sends.wait_for(waiting)
        stopping.server.process.terminate()
        sends.press_others()
        wait_until(lambda: stops(stopping), TIMEOUT, "the portal stops")
        answer()
        assert stopping.server.process.wait(TIMEOUT) == 0
    receipts = sends.receipts()
    print(f"SIGTERM with {waiting} on the wire: {len(receipts)} receipts, without a page {dict(sends.cut)}")
    check_truth(there, receipts)
    assert there.outcomes()["created"] - before == len(receipts) >= waiting
    assert set(sends.cut) <= {"ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}
    assert len(receipts) + sends.cut.total() == SENDS


# --- The portal goes on ---------------------------------------------------------------------------
def reload(portal: Portal) -> None:
    """Have the master replace its processes."""
    old = set(portal.server.workers)
    portal.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(set(portal.server.workers) - old) == len(old), TIMEOUT, "new processes")


def stop_one(portal: Portal) -> None:
    """Terminate one worker; the master starts another once the worker has answered."""
    os.kill(portal.server.workers[0], signal.SIGTERM)


@pytest.mark.parametrize("act", [reload, stop_one])
def test_every_person_gets_a_receipt_while_processes_are_replaced(
    there: Place, lasting: Portal, act: Callable[[Portal], None]
) -> None:
    old = set(lasting.server.workers)
    with there.held_answers() as answer:
        sends = Sends(there, lasting)
        sends.wait_for(SOME)
        act(lasting)
        answer()
        receipts = sends.receipts()
    assert sends.cut == {}
    assert len(set(receipts)) == SENDS
    check_truth(there, receipts)
    wait_until(
        lambda: len(lasting.server.workers) == 2 and set(lasting.server.workers) != old, TIMEOUT, "two"
    )
