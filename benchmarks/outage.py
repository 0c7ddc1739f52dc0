"""PostgreSQL is away for a while, with people at the portal: how soon after its return pages come again.

``BENCH_AWAY`` holds the seconds of each outage, with commas between (10,60,300).
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from benchmarks import sandboxes
from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import machine, percentile, table
from benchmarks.pace import Timed
from benchmarks.sandboxes import BenchSandbox
from tests.support.http_browser import Answer, Browser
from tests.support.processes import ROOT, run
from tests.support.supervised_processes import Cluster
from tests.support.unique_entries import consumer, posted

RESULT = ROOT / "var" / "bench-outage.md"
AWAY = [float(seconds) for seconds in os.environ.get("BENCH_AWAY", "10,60,300").split(",")]
PAGES = ("/", "/submissions/", NEW)
PAGES_PER_SECOND, CREATES_PER_SECOND, READINESS_PER_SECOND = 6.0, 2.0, 2.0
AFTER_SECONDS = 30.0  # that the load goes on after the return
HEAD = (
    "away, s",
    "first page after, s",
    "all pages good after, s",
    "first create after, s",
    "pages meanwhile: told / other",
    "p95 of being told, s",
    "readiness: worst, s",
    "first ready after, s",
)


@dataclass
class Seen:
    """What came, of one kind of request: when it began and ended (monotonic seconds), and its status."""

    came: list[tuple[float, float, int]] = field(default_factory=list)

    def first(self, status: int, *, after: float) -> float:
        """Seconds from that moment to the end of the first answer of this status that began after it."""
        return min(
            (end - after for begin, end, got in self.came if begin >= after and got == status),
            default=float("inf"),
        )

    def last_bad(self, status: int, *, after: float) -> float:
        """Seconds from that moment to the end of the last answer of another status; 0 where there is none."""
        return max((end - after for _, end, got in self.came if end >= after and got != status), default=0.0)

    def within(self, begin: float, end: float) -> list[Timed]:
        """What began and ended between two moments."""
        return [Timed(b - a, got) for a, b, got in self.came if begin <= a and b <= end]


def main() -> None:
    """Measure, print the table and write it to ``var/bench-outage.md``."""
    about = [machine() + ". Two processes; 6 pages and 2 creates a second, each over a new connection."]
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        cluster = Cluster()
        stack.callback(cluster.stop)
        cluster.start()
        environment = {
            "PORTAL_MODE": "practice",
            "DATABASE_URL": cluster.url,
            "CDP_BASE_URL": sandbox.address,
            "CDP_RECONCILIATION": "false",
            "SPOOL_DIR": str(folder / "spool"),
            "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        }
        run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
        with portal(folder, environment) as server:
            person = Browser(server.port)
            person.sign_in(*PERSON)
            person.get(NEW)
            person.reconnect()
            for seconds in AWAY:
                print(f"away for {seconds:g} s …", file=sys.stderr, flush=True)
                rows.append(outage(seconds, cluster, person, sandbox))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# The database is away", *about, table(HEAD, rows)]) + "\n")
    print(RESULT.read_text())


def _load(seen: Seen, act: Callable[[], Answer], per_second: float, over: threading.Event) -> None:
    """Begin as many requests a second, whether the earlier ones have ended or not, until it is over."""

    def do() -> None:
        begin, status = time.monotonic(), 0
        with suppress(OSError, HTTPException):
            status = act().status
        seen.came.append((begin, time.monotonic(), status))

    begun: list[threading.Thread] = []
    while not over.wait(1 / per_second):
        begun.append(threading.Thread(target=do, daemon=True))
        begun[-1].start()
    for thread in begun:
        thread.join()


def outage(seconds: float, cluster: Cluster, person: Browser, sandbox: BenchSandbox) -> list[str]:
    """One outage under load, as a row of the table."""
    pages, creates, readiness = Seen(), Seen(), Seen()
    number = 0

    def page() -> Answer:
        nonlocal number
        number += 1
        with person.tab() as tab:
            return tab.get(PAGES[number % len(PAGES)])

    def create() -> Answer:
        with person.tab() as tab:
            return tab.post(NEW, posted(sandbox.orders.next(), consumer()))

    def ready() -> Answer:
        with person.tab() as tab:
            return tab.get("/readyz")

    over = threading.Event()
    loads = [
        threading.Thread(target=_load, args=arguments)
        for arguments in (
            (pages, page, PAGES_PER_SECOND, over),
            (creates, create, CREATES_PER_SECOND, over),
            (readiness, ready, READINESS_PER_SECOND, over),
        )
    ]
    for load in loads:
        load.start()
    time.sleep(3)
    cluster.crash()
    gone = time.monotonic()
    time.sleep(seconds)
    cluster.start()
    back = time.monotonic()
    time.sleep(AFTER_SECONDS)
    over.set()
    for load in loads:
        load.join()
    told = pages.within(gone, back)
    statuses = Counter(answer.status for answer in told)
    return [
        f"{seconds:g}",
        f"{pages.first(200, after=back):.2f}",
        f"{pages.last_bad(200, after=back):.2f}",
        f"{creates.first(303, after=back):.2f}",
        f"{statuses[503]} / {len(told) - statuses[503]}",
        f"{percentile([answer.seconds for answer in told], 0.95):.2f}",
        f"{max(end - begin for begin, end, _ in readiness.came):.2f}",
        f"{readiness.first(200, after=back):.2f}",
    ]
