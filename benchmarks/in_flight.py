"""Hundreds of submissions that wait for a slow vendor, and the effect on other people.

Measures the portal on each database, and the naive Django view that calls the vendor inside its transaction,
with the same numbers of processes, threads and database connections. No time limit fails the benchmark.

``BENCH_IN_FLIGHT`` is the number of submissions (500), ``BENCH_WAIT`` the seconds until the vendor answers
(20).
"""

from __future__ import annotations

import math
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

import psycopg

from benchmarks import sandboxes
from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import machine, percentile
from benchmarks.findings import BUSY, DELAYS, WANTED, Findings, Peer, shown
from benchmarks.pace import Timed, highest_rate, paced
from benchmarks.sandboxes import BenchSandbox
from tests.support.http_browser import Answer, Browser
from tests.support.ports import free_port
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import BIN, ROOT, run, serving
from tests.support.unique_entries import consumer, posted

RESULT = ROOT / "var" / "bench-in-flight.md"
WAIT = float(os.environ.get("BENCH_WAIT", "20"))  # seconds until the vendor answers
PROCESSES, POOL = 2, 10
THREADS = math.ceil(WANTED / PROCESSES * 1.04) + 20  # headroom for an uneven split, and 20 for pages
SESSIONS = 8
PRESSES_PER_SECOND = WANTED / WAIT / 0.42
PAGES_PER_SECOND = 20.0
IDLE_SECONDS, WINDOW_SECONDS = 7.0, 7.0
ALL_SENT_SECONDS = 0.6 * WAIT  # after this, pages are measured with the submissions sent so far
STEP_SECONDS, LEAD_SECONDS = 3.0, 0.5
TRIES = 60
RETRY_SECONDS = 0.5


def main() -> None:
    """Measure, print the table and write it to ``var/bench-in-flight.md``."""
    about = [machine() + "."]
    columns: list[Findings] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        with on_portal(folder, f"sqlite:///{folder / 'portal.sqlite3'}", "SQLite", sandbox) as peer:
            columns.append(measured(peer, folder))
        binaries = find_binaries()
        if binaries is None:
            about.append("PostgreSQL is not installed: its columns are missing.")
        else:
            url = stack.enter_context(temporary_server(binaries, durable=True))
            with on_portal(folder, url, "PostgreSQL", sandbox) as peer:
                columns.append(measured(peer, folder, url))
            with naive(folder, url, sandbox) as peer:
                columns.append(measured(peer, folder, url))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# Many that wait for the vendor", *about, shown(columns)]) + "\n")
    print(RESULT.read_text())


# --- Servers ----------------------------------------------------------------------------------------
@contextmanager
def on_portal(folder: Path, url: str, database: str, sandbox: BenchSandbox) -> Iterator[Peer]:
    """Measure the portal, with several sessions so that people do not wait for one session."""
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": str(POOL),
        "CDP_BASE_URL": sandbox.address,
        "CDP_RECONCILIATION": "false",
        "CDP_READ_TIMEOUT": str(WAIT + 10),
        "CDP_TOTAL_TIMEOUT": str(WAIT + 20),
        "WEB_WORKERS": str(PROCESSES),
        "WEB_THREADS": str(THREADS),
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
    with portal(folder, environment) as server:
        people = [Browser(server.port) for _ in range(SESSIONS)]
        for person in people:
            person.sign_in(*PERSON)
            person.reconnect()
        yield _ready(Peer("portal", database, NEW, 303, sandbox, server, people))


@contextmanager
def naive(folder: Path, url: str, sandbox: BenchSandbox) -> Iterator[Peer]:
    """Measure the view that calls the vendor inside its transaction."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE submission (id serial, order_ref text, last_name text, consumer_ref text)"
        )
    port = free_port()
    command = [str(BIN / "gunicorn"), "--config", "/dev/null", "--no-control-socket"]
    command += ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", str(PROCESSES)]
    command += ["--threads", str(THREADS), "--keep-alive", "30", "benchmarks.minimal.site:application"]
    environment = {
        "CDP_BASE_URL": sandbox.address,
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": str(POOL),
        "DJANGO_SETTINGS_MODULE": "",
    }
    with serving(command, port=port, environment=environment, log=folder / "naive.log") as server:
        yield _ready(Peer("naive view", "PostgreSQL", "/recorded/", 201, sandbox, server, [Browser(port)]))


def _ready(peer: Peer) -> Peer:
    for person in peer.people:
        person.get(peer.path)  # its CSRF token
        person.reconnect()
    return peer


# --- Measurements -----------------------------------------------------------------------------------
def measured(peer: Peer, folder: Path, url: str = "") -> Findings:
    """Measure idle, with many waiting, and with a rising rate of creates."""
    findings = Findings(peer)
    peer.sandbox.answer_after(0)
    _say(peer, "idle")
    creating = cycle(peer.people)
    paced(lambda: peer.create(next(creating)), PAGES_PER_SECOND, 2)  # every process has loaded its modules
    paced(peer.read, PAGES_PER_SECOND, 2)
    findings.idle = paced(peer.read, PAGES_PER_SECOND, IDLE_SECONDS)
    _say(peer, f"{WANTED} that wait")
    let_them_wait(findings, folder, url)
    for delay in DELAYS:
        _say(peer, f"ever more creates, the vendor answers after {delay:g} s")
        peer.sandbox.answer_after(delay)
        findings.rates[delay] = highest_rate(partial(_step, peer))
    peer.sandbox.answer_after(0)
    return findings


def let_them_wait(findings: Findings, folder: Path, url: str) -> None:
    """Send all submissions, and get the form page while they wait."""
    peer = findings.peer
    peer.sandbox.answer_after(WAIT)
    findings.resident_before = peer.server.resident_bytes
    before, answered = _arrived(folder), threading.Event()
    over = threading.Event()
    people_in_turn = cycle(peer.people)

    def send() -> Answer:
        with next(people_in_turn).tab() as tab:
            values = posted(peer.sandbox.orders.next(), consumer())
            for _ in range(TRIES):
                answer = tab.post(peer.path, values)
                findings.creates[peer.status_of(answer)] += 1
                if answer.status != BUSY:
                    break
                tab.reconnect()  # possibly to another process
                time.sleep(RETRY_SECONDS)
        answered.set()
        return answer

    def watch() -> None:
        while not over.wait(0.25):
            arrived = _arrived(folder) - before
            findings.watch.in_flight.append(arrived - findings.creates[peer.created])
            findings.watch.resident.append(peer.server.resident_bytes)
            findings.watch.threads.append(tuple(_threads(pid) for pid in peer.server.workers))
            if url:
                findings.watch.connections.append(_connections(url))

    watching = threading.Thread(target=watch)
    sending = threading.Thread(target=lambda: paced(send, PRESSES_PER_SECOND, WANTED / PRESSES_PER_SECOND))
    watching.start()
    sending.start()
    end = time.monotonic() + ALL_SENT_SECONDS
    while time.monotonic() < end and not answered.is_set() and _arrived(folder) - before < WANTED:
        time.sleep(0.1)
    findings.waiting = paced(peer.read, PAGES_PER_SECOND, WINDOW_SECONDS)
    sending.join()
    over.set()
    watching.join()
    peer.sandbox.answer_after(0)


def _step(peer: Peer, rate: float) -> tuple[float, int]:
    """Send creates at that rate and get the form page: p95 in seconds, and the number of failed creates."""
    people_in_turn = cycle(peer.people)
    creates: list[Timed] = []
    work = threading.Thread(
        target=lambda: creates.extend(
            paced(lambda: peer.create(next(people_in_turn)), rate, STEP_SECONDS + LEAD_SECONDS)
        )
    )
    work.start()
    time.sleep(LEAD_SECONDS)
    pages = paced(peer.read, PAGES_PER_SECOND, STEP_SECONDS)
    work.join()
    failed = sum(create.status != peer.created for create in creates)
    return percentile([page.seconds if page.status == 200 else math.inf for page in pages], 0.95), failed


def _arrived(folder: Path) -> int:
    """The number of creates that have reached the sandbox since its start."""
    with closing(sqlite3.connect(folder / "sandbox.sqlite3", timeout=10)) as file:
        [count] = file.execute("SELECT count(*) FROM requests WHERE method = 'POST'").fetchone()
    return int(count)


def _connections(url: str) -> int:
    """The number of connections to the database, without this one."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def _say(peer: Peer, words: str) -> None:
    print(f"{peer.name}, {peer.database}: {words} …", file=sys.stderr, flush=True)
