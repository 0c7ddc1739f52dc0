"""Creates by one, eight and thirty-two clients at once, beside the minimal view and another checkout.

The sites are measured in turns, so that other load of the machine affects all of them. No time limit fails
the benchmark. ``BENCH_OLD``: the folder of another checkout. ``BENCH_TIMES``: rounds (5), of which the table
shows medians. ``BENCH_CREATES``: creates of a round and site (160). ``BENCH_AT_ONCE``: (1,8,32).
``BENCH_DATABASE``: only sqlite or postgresql.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import sandboxes
from benchmarks.create import NEW, PERSON, environment_of, inside, minimal, say
from benchmarks.figures import Samples, machine, table
from benchmarks.measure import measure
from benchmarks.sandboxes import BenchSandbox
from tests.support.http_browser import Browser, expect
from tests.support.ports import free_port
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import BIN, ROOT, Server, run, serving
from tests.support.unique_entries import Orders, consumer, posted

RESULT = ROOT / "var" / "bench-create_together.md"
OLD = os.environ.get("BENCH_OLD", "")
TIMES = int(os.environ.get("BENCH_TIMES", "5"))
CREATES = int(os.environ.get("BENCH_CREATES", "160"))
CLIENTS = [int(one) for one in os.environ.get("BENCH_AT_ONCE", "1,8,32").split(",")]
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
CREATE, RECEIPT = "create", "create and receipt"
HEAD = ("what", "site", "database", "clients", "p50 ms", "p95 ms", "requests/s", "processor ms", "n")


@dataclass(frozen=True, slots=True)
class Site:
    """A running site, the people who use it, and its orders without consumers."""

    name: str
    database: str
    server: Server
    browsers: list[Browser]
    orders: Orders = field(repr=False)

    @property
    def is_portal(self) -> bool:
        """Whether it is the portal, and not the minimal view."""
        return self.database != "–"

    def create(self, browser: Browser) -> str:
        """Create a consumer, and return the address that follows."""
        values = posted(self.orders.next(), consumer())
        answer = browser.post(NEW if self.is_portal else "/", values)
        if self.is_portal:
            expect(answer, 303, location="/submissions/")
        else:
            expect(answer, 201)
        return answer.location

    def create_and_read(self, browser: Browser) -> None:
        """Create a consumer and open its receipt, which is what a person waits for."""
        expect(browser.get(self.create(browser)), 200)


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement. ``processor``: milliseconds of the site's processes for each act."""

    samples: Samples
    processor: float


def main() -> None:
    """Measure, print the tables and write them to ``var/bench-create_together.md``."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        refs = sandbox.orders.several(sandboxes.ORDERS)
        sites = [*_sites(folder, sandbox, refs, stack)]
        rounds: dict[tuple[str, int], dict[int, list[Round]]] = {}
        alone: list[float] = []
        for number in range(TIMES):
            say(f"round {number + 1} of {TIMES}")
            environment = environment_of(f"sqlite:///{folder / 'unused.sqlite3'}", sandbox)
            calls = BenchSandbox(sandbox.port, Orders(refs[-200:]))
            alone.append(statistics.median(inside("client", environment, folder, calls)["calls"]) * 1000)
            for what, clients in [*((CREATE, clients) for clients in CLIENTS), (RECEIPT, 1)]:
                found = rounds.setdefault((what, clients), {})
                for place, site in enumerate(sites):
                    if site.is_portal or what == CREATE:
                        found.setdefault(place, []).append(_round(site, what, clients))
    lines = [
        _cells(what, sites[place], clients, of_site)
        for (what, clients), found in rounds.items()
        for place, of_site in found.items()
    ]
    tables = [table(HEAD, lines)]
    if (CREATE, 1) in rounds:
        tables.append(_added(sites, rounds[CREATE, 1], statistics.median(alone)))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# Creates at the same time", machine() + ".", *tables]) + "\n")
    print(RESULT.read_text())


def _sites(folder: Path, sandbox: BenchSandbox, refs: list[str], stack: ExitStack) -> Iterator[Site]:
    """The minimal view, and the portal of each checkout on each database, all running."""
    server = stack.enter_context(minimal(folder, sandbox))
    browsers = [Browser(server.port) for _ in range(max(CLIENTS))]
    for browser in browsers:
        expect(browser.get("/"), 200)  # its CSRF token
    yield Site("minimal view", "–", server, browsers, Orders(refs))
    only = os.environ.get("BENCH_DATABASE", "")
    checkouts = {"the other checkout": Path(OLD).resolve()} if OLD else {}
    checkouts["portal"] = ROOT
    binaries = find_binaries()
    for database, label in DATABASES.items():
        if only not in ("", database) or (database == "postgresql" and binaries is None):
            continue
        for number, (name, checkout) in enumerate(checkouts.items()):
            url = f"sqlite:///{folder / f'{number}.sqlite3'}"
            if database == "postgresql":
                assert binaries is not None
                url = stack.enter_context(temporary_server(binaries, durable=True))
            environment = environment_of(url, sandbox)
            say(f"{name}, {label}")
            run(
                [sys.executable, "manage.py", "prepare_practice"],
                environment,
                log=folder / "log",
                cwd=checkout,
            )
            server = stack.enter_context(_portal(checkout, environment, folder / f"{number}-{database}.log"))
            browsers = [Browser(server.port) for _ in range(max(CLIENTS))]
            for browser in browsers:
                browser.sign_in(*PERSON)
                expect(browser.get(NEW), 200)
            yield Site(name, label, server, browsers, Orders(refs))


@contextmanager
def _portal(checkout: Path, environment: dict[str, str], log: Path) -> Iterator[Server]:
    """The portal of a checkout as deployed."""
    port = free_port()
    command = [str(BIN / "gunicorn"), "--config", "gunicorn.conf.py", "consumerportal.wsgi"]
    chosen = {**environment, "PORTAL_PORT": str(port)}
    with serving(command, port=port, environment=chosen, log=log, cwd=checkout) as server:
        yield server


def _round(site: Site, what: str, clients: int) -> Round:
    before = site.server.processor_seconds
    act: Callable[[Browser], object] = site.create_and_read if what == RECEIPT else site.create
    samples = measure(site.browsers[:clients], act, max(CREATES, 4 * clients))
    acts = len(samples.seconds) + samples.warm_ups
    return Round(samples, (site.server.processor_seconds - before) * 1000 / acts)


def _cells(what: str, site: Site, clients: int, rounds: Sequence[Round]) -> list[str]:
    p50, p95, per_second = (
        statistics.median(values)
        for values in (
            [one.samples.milliseconds(0.5) for one in rounds],
            [one.samples.milliseconds(0.95) for one in rounds],
            [one.samples.per_second for one in rounds],
        )
    )
    return [
        what,
        site.name,
        site.database,
        str(clients),
        f"{p50:.1f}",
        f"{p95:.1f}",
        f"{per_second:.0f}",
        f"{min(one.processor for one in rounds):.1f}",
        str(sum(len(one.samples.seconds) for one in rounds)),
    ]


def _added(sites: Sequence[Site], found: dict[int, list[Round]], alone: float) -> str:
    """What each site adds to the call at p50, and how many times as much as the minimal view."""
    added = [
        statistics.median(one.samples.milliseconds(0.5) for one in found[place]) - alone
        for place in range(len(sites))
    ]
    lines = [
        [site.name, site.database, f"{more:.1f}", f"{more / added[0]:.1f}"]
        for site, more in zip(sites, added, strict=True)
    ]
    return table(("site", "database", f"added to the call ({alone:.1f} ms), p50 ms", "× minimal view"), lines)
