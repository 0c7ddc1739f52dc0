"""A long export to a slow reader, and its effect on other people.

The reader downloads all submissions as CSV at a megabyte per second, while another person gets the form page.
``BENCH_ROWS`` is the number of submissions (1 million). No time limit fails the benchmark.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, LiteralString

import psycopg

from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import machine, percentile, sizes, table
from benchmarks.pace import Timed, paced
from tests.support.http_browser import Answer, Browser, UnexpectedAnswer, expect
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import ROOT, Server, run

RESULT = ROOT / "var" / "bench-slow-reader.md"
ROWS = sizes("1000000")[-1]
SUPERVISOR = ("sue", "practice-sue-2026")
EXPORT = "/submissions/export/?period=all"
PACE = 1_000_000  # bytes per second
PIECE = 64 * 1024  # bytes
PROCESSES, POOL = 2, 10
PAGES_PER_SECOND = 20.0
IDLE_SECONDS, WINDOW_SECONDS = 10.0, 2.0
IDLE, RUNNING = "", "running"
WHILE = {RUNNING: "while the file is written", "delivering": "while the reader takes the rest"}
CONNECTIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dataclass
class Seen:
    """The observations of one database: pages, bytes and connections, by state of the export."""

    database: str
    pages: dict[str, list[Timed]] = field(default_factory=dict)
    resident: dict[str, int] = field(default_factory=dict)
    connections: dict[str, int] = field(default_factory=dict)
    first_byte: float = 0.0  # seconds from the request
    written: float = 0.0  # seconds until the file was complete
    arrived: float = 0.0  # seconds until the reader had all of it
    bytes: int = 0
    end: str = ""  # the state of the export afterwards

    def note(self, state: str, pages: list[Timed], site: Site) -> None:
        """Record the observations for that state."""
        self.pages.setdefault(state, []).extend(pages)
        self.resident[state] = max(self.resident.get(state, 0), site.server.resident_bytes)
        self.connections[state] = max(self.connections.get(state, 0), site.connections())


@dataclass(frozen=True, slots=True)
class Site:
    """A portal on a full database, with two signed-in people."""

    url: str
    server: Server
    staff: Browser
    supervisor: Browser

    def form_page(self) -> Answer:
        """Get the form page, over a new connection."""
        with self.staff.tab() as tab:
            return tab.get(NEW)

    def state(self) -> str:
        """The state of the newest export in the database; "" if there is none."""
        found = self._asked("SELECT state FROM history_export ORDER BY id DESC LIMIT 1")
        return str(found[0]) if found else ""

    def connections(self) -> int:
        """The portal's connections to PostgreSQL; 0 on SQLite, which has no server."""
        found = None if self.url.startswith("sqlite") else self._asked(CONNECTIONS)
        return int(found[0]) if found else 0

    def _asked(self, statement: LiteralString) -> tuple[str | int, ...] | None:
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=10)) as file:
                row: tuple[str | int, ...] | None = file.execute(statement).fetchone()
                return row
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement).fetchone()


def main() -> None:
    """Measure, print the table and write it to ``var/bench-slow-reader.md``."""
    about = [machine() + "."]
    seen: list[Seen] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        with full_portal(folder, f"sqlite:///{folder / 'portal.sqlite3'}") as site:
            seen.append(measured("SQLite", site))
        binaries = find_binaries()
        if binaries is None:
            about.append("PostgreSQL is not installed: its column is missing.")
        else:
            url = stack.enter_context(temporary_server(binaries, durable=True))
            with full_portal(folder, url) as site:
                seen.append(measured("PostgreSQL", site))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# An export to a slow reader", *about, shown(seen)]) + "\n")
    print(RESULT.read_text())


@contextmanager
def full_portal(folder: Path, url: str) -> Iterator[Site]:
    """The portal as deployed, with the requested number of submissions."""
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": str(POOL),
        "WEB_WORKERS": str(PROCESSES),
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }
    log = folder / "log"
    print(f"{url.partition(':')[0]}, {ROWS:,} rows …", file=sys.stderr, flush=True)
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=log)
    run([sys.executable, "-m", "tests.support.filled_database", str(ROWS)], environment, log=log)
    with portal(folder, environment) as server:
        people = []
        for credentials in (PERSON, SUPERVISOR):
            person = Browser(server.port)
            person.sign_in(*credentials)
            person.reconnect()
            people.append(person)
        yield Site(url, server, *people)


def measured(database: str, site: Site) -> Seen:
    """Measure the form page idle, and during the export until the reader has all of it."""
    seen, file = Seen(database), prepared(site.supervisor)
    paced(site.form_page, PAGES_PER_SECOND, 2)  # every process has loaded its modules
    seen.note(IDLE, paced(site.form_page, PAGES_PER_SECOND, IDLE_SECONDS), site)
    reader = threading.Thread(target=read_slowly, args=[seen, site, file])
    began = time.perf_counter()
    reader.start()
    state = ""
    while reader.is_alive():
        pages = paced(site.form_page, PAGES_PER_SECOND, WINDOW_SECONDS)
        before, state = state, site.state()
        if before == state or before not in WHILE:
            seen.note(state, pages, site)  # samples across a change of state count for neither
        if state != RUNNING and not seen.written:
            seen.written = time.perf_counter() - began
    reader.join()
    seen.end = site.state()
    return seen


def prepared(supervisor: Browser) -> str:
    """Prepare an export of everything with every plain column as CSV; returns the path of the file."""
    page = supervisor.get(EXPORT)
    expect(page, 200)
    if f"{ROWS:,} rows" not in page.text:
        raise UnexpectedAnswer(f"The export does not offer {ROWS:,} rows")
    columns = re.findall(r'name="(show_\w+)"', page.text.partition("<legend>Personal data")[0])
    chosen = {"format": "csv", "separator": "comma", "time_zone": "UTC", **dict.fromkeys(columns, "on")}
    answer = supervisor.post(EXPORT, chosen)
    expect(answer, 303, location="/submissions/exports/")
    return f"{answer.location}file/"


def read_slowly(seen: Seen, site: Site, path: str) -> None:
    """Read the file at :data:`PACE`."""
    began = time.perf_counter()
    for piece in site.supervisor.download(path, size=PIECE):
        seen.first_byte = seen.first_byte or time.perf_counter() - began
        seen.bytes += len(piece)
        time.sleep(max(began + seen.bytes / PACE - time.perf_counter(), 0))
    seen.arrived = time.perf_counter() - began


def shown(columns: list[Seen]) -> str:
    """The table: a row per figure, a column per database."""
    lines: list[tuple[str, Callable[[Seen], str]]] = [
        ("rows; MB", lambda one: f"{ROWS:,}; {one.bytes / 1e6:.0f}"),
        ("first byte, ms", lambda one: f"{one.first_byte * 1000:.0f}"),
        ("file written after, s", lambda one: f"{one.written:.0f}"),
        ("reader had all of it after, s", lambda one: f"{one.arrived:.0f}"),
        ("the export ended as", lambda one: one.end),
    ]
    for state, words in {IDLE: "nothing else", **WHILE}.items():
        lines += [
            (f"form page, {words}: p50 / p95 ms", partial(_pages, state)),
            (f"memory of the {PROCESSES} processes, {words}: MB", partial(_memory, state)),
            (f"database connections, {words}", partial(_connections, state)),
        ]
    lines += [
        (f"p95 of the form page, {words} : nothing else", partial(_ratio, state))
        for state, words in WHILE.items()
    ]
    head = ["", *(one.database for one in columns)]
    return table(head, [[words, *(figure(one) for one in columns)] for words, figure in lines])


def _pages(state: str, one: Seen) -> str:
    pages = one.pages.get(state, [])
    bad = sum(page.status != 200 for page in pages)
    if not pages:
        return "–"
    p50, p95 = (percentile([page.seconds for page in pages], share) * 1000 for share in (0.5, 0.95))
    return f"{p50:.1f} / {p95:.1f} (n={len(pages)}{f', {bad} failed' if bad else ''})"


def _memory(state: str, one: Seen) -> str:
    return f"{one.resident[state] / 1e6:.0f}" if state in one.resident else "–"


def _connections(state: str, one: Seen) -> str:
    return str(one.connections.get(state) or "–")


def _ratio(state: str, one: Seen) -> str:
    if state not in one.pages:
        return "–"
    idle, then = (percentile([page.seconds for page in one.pages[name]], 0.95) for name in (IDLE, state))
    return f"{then / idle:.1f}"
