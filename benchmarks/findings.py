"""The observations while many requests wait for the vendor, and their table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.figures import percentile, table
from benchmarks.pace import Timed
from benchmarks.sandboxes import BenchSandbox
from tests.support.http_browser import Answer, Browser
from tests.support.processes import Server
from tests.support.unique_entries import consumer, posted

WANTED = int(os.environ.get("BENCH_IN_FLIGHT", "500"))
DELAYS = (0.05, 2.0)  # seconds until the vendor answers, while the rate rises
BUSY = 503


@dataclass(frozen=True, slots=True)
class Peer:
    """A site with a form: its address, and the status of a successful create."""

    name: str
    database: str
    path: str
    created: int
    sandbox: BenchSandbox
    server: Server
    people: list[Browser]

    def status_of(self, answer: Answer) -> int:
        """The status of a create's answer; 0 for a redirect to anything but a receipt."""
        led_astray = answer.status == self.created == 303 and not answer.location.startswith("/submissions/")
        return 0 if led_astray else answer.status

    def read(self) -> Answer:
        """Get the form page, over a new connection."""
        with self.people[0].tab() as tab:
            return tab.get(self.path)

    def create(self, person: Browser) -> Answer:
        """Create a new person on an unused order, over a new connection."""
        with person.tab() as tab:
            return tab.post(self.path, posted(self.sandbox.orders.next(), consumer()))


@dataclass
class Watch:
    """The observed processes while many requests were waiting."""

    in_flight: list[int] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    threads: list[tuple[int, ...]] = field(default_factory=list)


@dataclass
class Findings:
    """The observations of one peer."""

    peer: Peer
    idle: list[Timed] = field(default_factory=list)
    waiting: list[Timed] = field(default_factory=list)
    creates: Counter[int] = field(default_factory=Counter)
    watch: Watch = field(default_factory=Watch)
    resident_before: int = 0
    rates: dict[float, str] = field(default_factory=dict)


def shown(columns: list[Findings]) -> str:
    """The table: a row per figure, a column per peer."""
    head = ["", *(f"{found.peer.name}, {found.peer.database}" for found in columns)]
    lines: list[tuple[str, Callable[[Findings], str]]] = [
        (f"in flight at the most, of {WANTED}", lambda f: str(max(f.watch.in_flight, default=0))),
        ("threads of the processes then", lambda f: " + ".join(map(str, max(f.watch.threads, default=())))),
        ("created", lambda f: str(f.creates[f.peer.created])),
        ("refused as busy, sent again", lambda f: str(f.creates[BUSY])),
        ("failed", _failed),
        ("database connections at the most", lambda f: str(max(f.watch.connections, default="–"))),
        ("memory for each in flight, kB", _memory),
        ("form page, idle: p50 / p95 ms", lambda f: _both(f.idle)),
        ("form page, while they wait: p50 / p95 ms", lambda f: _both(f.waiting)),
        ("while they wait : idle, p50 / p95", _ratio),
        ("form pages that failed, idle / while they wait", lambda f: f"{_bad(f.idle)} / {_bad(f.waiting)}"),
        *(
            (f"creates/s, p95 of the form page < 100 ms, vendor after {delay:g} s", _rate(delay))
            for delay in DELAYS
        ),
    ]
    return table(head, [[words, *(figure(found) for found in columns)] for words, figure in lines])


def _failed(found: Findings) -> str:
    return str(WANTED - found.creates[found.peer.created])


def _memory(found: Findings) -> str:
    most = max(found.watch.in_flight, default=0)
    if not most:
        return "–"
    return f"{(max(found.watch.resident) - found.resident_before) / most / 1000:.0f}"


def _both(pages: list[Timed]) -> str:
    seconds = [page.seconds for page in pages]
    return (
        f"{percentile(seconds, 0.5) * 1000:.1f} / {percentile(seconds, 0.95) * 1000:.1f} (n={len(seconds)})"
    )


def _bad(pages: list[Timed]) -> int:
    return sum(page.status != 200 for page in pages)


def _ratio(found: Findings) -> str:
    idle, waiting = ([page.seconds for page in pages] for pages in (found.idle, found.waiting))
    return " / ".join(f"{percentile(waiting, share) / percentile(idle, share):.1f}" for share in (0.5, 0.95))


def _rate(delay: float) -> Callable[[Findings], str]:
    return lambda found: found.rates[delay]
