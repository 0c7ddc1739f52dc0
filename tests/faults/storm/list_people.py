"""People who upload, confirm and control lists, and a watcher of the states of their rows."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.faults.storm.list_pages import ListPages
from tests.faults.storm.lists import Desk

LOOK_SECONDS = 0.5
PAUSED_OFTEN = 0.01  # at each look
STOPPED_OFTEN = 0.1  # of the lists are stopped, after a share of their rows
TWICE_OFTEN, CORRECTED_OFTEN = 0.3, 0.3  # of the lists are uploaded once more
MOST_ATTEMPTS = 2  # for rows that failed
# Seconds without a change after which what is left of a list is taken to wait for an unknown outcome. Nobody
# resolves these, so the person stops the list. In the storm, the vendor may ask to wait for 30 seconds.
PATIENCE, PATIENCE_WHEN_CALM = 60.0, 2.5
OVER = ("finished", "stopped")


class Uploader(threading.Thread):
    """A person with some lists, one after the other, each for an order of its own.

    Some are uploaded again while they are sent: the same file, or one of which a half is new. Every
    other order gets its lists through the pages, the others through the portal's services, which is quicker.
    """

    def __init__(
        self, name: str, desk: Desk, pages: ListPages, lists: list[tuple[str, int, int]], *, seed: int
    ) -> None:
        """``lists``: order, rows, and the number of the first person of each."""
        super().__init__(name=name, daemon=True)
        self.problems: list[str] = []
        self.acts: Counter[str] = Counter()
        self.rows: dict[str, int] = {}  # by list
        self.is_calm = threading.Event()
        """No more faults: what still waits for an unknown outcome is stopped soon."""
        self._desk, self._pages, self._lists = desk, pages, lists
        self._random = random.Random(f"{name} {seed}")
        self._by_pages = False
        self._attempts: Counter[str] = Counter()
        self._stopped_after: dict[str, int] = {}
        self._seen: dict[str, tuple[dict[str, int], float]] = {}  # states and since when, by list

    def run(self) -> None:
        """Upload all lists, and stay until they have ended."""
        try:
            self._pages.sign_in()
            for number, (order, rows, first) in enumerate(self._lists):
                self._by_pages = number % 2 == 0
                self._send(order, rows, first)
        except Exception as error:  # noqa: BLE001  # reported
            self.problems.append(f"{self.name}: {type(error).__name__}: {error}")

    def _send(self, order: str, rows: int, first: int) -> None:
        """Send the list of an order, with what is uploaded for it again, until all of it has ended."""
        open_ = [self._upload("uploaded", order, rows, first)]
        if self._random.random() < TWICE_OFTEN:
            open_.append(self._upload("the same file uploaded again", order, rows, first))
        if self._random.random() < CORRECTED_OFTEN:
            half = self._upload(
                "another file with half of the people uploaded", order, rows, first + rows // 2
            )
            open_.append(half)
        while open_:
            time.sleep(LOOK_SECONDS)
            open_ = [batch for batch in open_ if not self._is_over(batch)]
        if self._by_pages:
            # Uploaded after all, although no page came and it was uploaded again.
            for batch in self._pages.lists() - self.rows.keys():
                self.acts["lists discarded whose upload had no answer"] += 1
                self._change("stop", batch)

    def _upload(self, what: str, order: str, rows: int, first: int) -> str:
        from tests.support.batch_sending import people  # needs Django, which is set up by now

        if self._by_pages:
            batch = self._pages.put_in(order, people(rows, first=first), {*self.rows})
            what = f"{what}, by the pages"
        else:
            batch = self._desk.upload(self.name, order, rows, first=first)
        self.rows[batch] = rows
        if self._random.random() < STOPPED_OFTEN:
            self._stopped_after[batch] = self._random.randrange(rows)
        self.acts[what] += 1
        if self._by_pages:
            self._pages.confirm(batch)
        else:
            self._desk.confirm(batch)
        return batch

    def _is_over(self, batch: str) -> bool:
        state = self._desk.state(batch)
        if state == "checked":  # nothing was ready, or the order has changed since
            if self._desk.confirm(batch) == 0:
                self._attempts[batch] += 1
                if self._attempts[batch] > MOST_ATTEMPTS:
                    self._change("stop", batch)
        elif state.startswith("paused"):
            self.acts[f"resumed after {state.partition(' ')[2]}"] += 1
            self._change("resume", batch)
        elif state == "sending":
            states = self._desk.states(batch)
            if self._waits(batch, states):
                self.acts["lists stopped that only waited"] += 1
                self._change("stop", batch)
            elif not self.is_calm.is_set():
                self._meddle(batch, states)
        elif state == "finished" and self._attempts[batch] < MOST_ATTEMPTS:
            self._attempts[batch] += 1
            if again := self._desk.send_again(batch):
                self.acts["rows sent again"] += again
                return False
            return True
        return state in OVER

    def _waits(self, batch: str, states: dict[str, int]) -> bool:
        """Whether all that is left waits for another submission: nothing has changed for a while."""
        seen, since = self._seen.get(batch, (None, 0.0))
        now = time.monotonic()
        if states != seen:
            self._seen[batch] = (states, now)
            return False
        patience = PATIENCE_WHEN_CALM if self.is_calm.is_set() else PATIENCE
        return not states["sending"] and now - since > patience

    def _meddle(self, batch: str, states: dict[str, int]) -> None:
        if states["created"] > self._stopped_after.get(batch, self.rows[batch]):
            self._change("stop", batch)
        elif self._random.random() < PAUSED_OFTEN:
            self._change("pause", batch)

    def _change(self, how: str, batch: str) -> None:
        self.acts[how] += 1
        self._desk.change(how, batch)


class Watcher(threading.Thread):
    """Checks all the time that every row has one state, and that an order has one row in flight."""

    STATES = """SELECT CAST(b.public_id AS text) AS list, COALESCE(s.outcome, r.state) AS state, count(*) AS n
                FROM batches_batchrow r JOIN batches_batch b ON b.id = r.batch_id
                LEFT JOIN consumers_submission s ON s.token = r.token GROUP BY 1, 2"""
    IN_FLIGHT = """SELECT lower(order_ref) AS o, count(*) AS n FROM consumers_submission
                   WHERE outcome = 'sending' AND batch IS NOT NULL GROUP BY 1 HAVING count(*) > 1"""

    def __init__(
        self, rows: Callable[[str], list[dict[str, Any]]], lists: Callable[[], dict[str, int]]
    ) -> None:
        """``rows``: runs a query. ``lists``: how many rows each uploaded list has, by its id."""
        super().__init__(name="watcher", daemon=True)
        self.problems: list[str] = []
        self.looks = self.sent = 0
        self._rows, self._lists = rows, lists
        self._over = threading.Event()

    def run(self) -> None:
        """Look until ended."""
        created: Counter[str] = Counter()
        while not self._over.wait(0.1):
            with suppress(Exception):  # the database does not answer
                self._look(created)

    def _look(self, created: Counter[str]) -> None:
        known = self._lists()
        found = self._rows(self.STATES)
        in_flight = self._rows(self.IN_FLIGHT)
        totals: Counter[str] = Counter()
        now: Counter[str] = Counter()
        for row in found:
            batch = str(row["list"]).replace("-", "")
            totals[batch] += row["n"]
            now[batch] += row["n"] if row["state"] == "created" else 0
        self.looks += 1
        self.sent = sum(now.values())
        for batch, rows in known.items():
            key = batch.replace("-", "")
            if totals[key] != rows:
                self.problems.append(f"{batch}: {totals[key]} states of {rows} rows")
            if now[key] < created[key]:
                self.problems.append(f"{batch}: {created[key]} rows were created, now {now[key]}")
        created.update({key: count - created[key] for key, count in now.items()})
        self.problems += [f"{row['o']}: {row['n']} rows in flight" for row in in_flight]

    def end(self) -> None:
        """End; nothing is read afterwards."""
        self._over.set()
        self.join()
