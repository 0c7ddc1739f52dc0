"""A deployment during a hundred sends: each ends with a stored, true outcome, and none is unknown."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.support.deployed import Place, Portal, at_once, place, portal, wait_until
from tests.support.entries import posted
from tests.support.http_browser import Answer
from tests.support.unique_entries import consumer

pytestmark = pytest.mark.xdist_group("deployed")

SENDS = 100
SOME = 25
LATE = 1.0  # seconds until the vendor answers
VERY_LATE = 6.0  # enough for all sends to wait at the same time
TIMEOUT = 60.0  # seconds


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("stop")) as there:
        yield there


@pytest.fixture
def there(prepared: Place) -> Place:
    """The place, with a sandbox that answers immediately."""
    prepared.answer_after(0)
    return prepared


@pytest.fixture
def two(there: Place) -> Iterator[Portal]:
    """A portal of two processes, each with threads for all sends."""
    with portal(there, workers=2, threads=SENDS + 20) as started:
        yield started


class Sends:
    """A hundred people who press Create within so many seconds, and their results."""

    def __init__(self, there: Place, portal: Portal, *, within: float = 0) -> None:
        self._there, self._before = there, len(there.creates())
        person = portal.sign_in("sam")
        entries = [posted(consumer(), order=there.order()) for _ in range(SENDS)]
        self._answers: list[Answer | Exception] = []

        def press(number: int) -> Answer:
            time.sleep(within * number / SENDS)
            return person.post(entries[number])

        acts = [partial(press, number) for number in range(SENDS)]
        self._thread = threading.Thread(target=lambda: self._answers.extend(at_once(acts)), daemon=True)
        self._thread.start()

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
@pytest.mark.parametrize(("waiting", "within"), [(SOME, 5.0), (SENDS, 0.0)], ids=["some", "all"])
def test_stop_completes_every_send_and_starts_no_more(
    there: Place, two: Portal, waiting: int, within: float
) -> None:
    there.answer_after(LATE if waiting == SOME else VERY_LATE)
    before = there.outcomes()["created"]
    sends = Sends(there, two, within=within)
    sends.wait_for(waiting)
    two.server.process.terminate()
    assert two.server.process.wait(TIMEOUT) == 0
    receipts = sends.receipts()
    print(f"SIGTERM with {waiting} on the wire: {len(receipts)} receipts, without a page {dict(sends.cut)}")
    check_truth(there, receipts)
    assert there.outcomes()["created"] - before == len(receipts) >= waiting
    assert set(sends.cut) <= {"ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}
    assert len(receipts) + sends.cut.total() == SENDS


# --- The portal goes on ---------------------------------------------------------------------------
def reload(portal: Portal) -> None:
    """Reload the configuration as an operator does after a change of the environment file."""
    old = set(portal.server.workers)
    portal.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(set(portal.server.workers) - old) == len(old), TIMEOUT, "new processes")


def stop_one(portal: Portal) -> None:
    """Terminate one worker; the master starts another."""
    first = portal.server.workers[0]
    os.kill(first, signal.SIGTERM)
    wait_until(lambda: first not in portal.server.workers, TIMEOUT, "the process has ended")


@pytest.mark.parametrize("act", [reload, stop_one])
def test_every_person_gets_a_receipt_while_processes_are_replaced(
    there: Place, two: Portal, act: Callable[[Portal], None]
) -> None:
    there.answer_after(LATE)
    old = set(two.server.workers)
    sends = Sends(there, two)
    sends.wait_for(SOME)
    act(two)
    receipts = sends.receipts()
    assert sends.cut == {}
    assert len(set(receipts)) == SENDS
    check_truth(there, receipts)
    wait_until(lambda: len(two.server.workers) == 2 and set(two.server.workers) != old, TIMEOUT, "two")
