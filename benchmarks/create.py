"""The cost of a create: the portal under gunicorn, its own client alone, and a minimal Django view.

Everything runs on this machine, so servers, sandbox and measuring client share its cores: compare the rows
only with each other. No time limit fails the benchmark.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import sandboxes
from benchmarks.figures import Samples, machine, table
from benchmarks.measure import measure
from benchmarks.sandboxes import BenchSandbox
from tests.support.http_browser import Browser, expect
from tests.support.ports import free_port
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import BIN, ROOT, Server, run, serving
from tests.support.unique_entries import consumer, posted

RESULT = ROOT / "var" / "bench-create.md"
DELAYS = (0.0, 0.05)  # seconds
CLIENTS = (1, 8)
CREATES = {0.0: 200, 0.05: 120}
PAGES = 200
NEW = "/consumers/new/"
PERSON = ("sam", "practice-sam-2026")
HEAD = ("what", "database", "sandbox answers", "clients", "p50 ms", "p95 ms", "requests/s", "workers MB", "n")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. ``delay`` is in seconds; None if the sandbox is not called."""

    what: str
    database: str
    delay: float | None
    clients: int
    samples: Samples

    def cells(self) -> list[str]:
        """The cells of the row as text."""
        samples = self.samples
        memory = f"{samples.resident_bytes / 1e6:.0f}" if samples.resident_bytes else "–"
        return [
            self.what,
            self.database,
            _answers(self.delay),
            str(self.clients),
            f"{samples.milliseconds(0.5):.1f}",
            f"{samples.milliseconds(0.95):.1f}",
            f"{samples.per_second:.0f}",
            memory,
            str(len(samples.seconds)),
        ]


def _answers(delay: float | None) -> str:
    if delay is None:
        return "–"
    return f"after {delay * 1000:.0f} ms" if delay else "at once"


@dataclass(frozen=True, slots=True)
class Peer:
    """A site with a form: its address, and its answer to a successful create."""

    name: str
    database: str
    path: str
    status: int = 303
    location: str = "/submissions/"


MINIMAL = Peer("minimal view", "–", "/", status=201, location="")


def main() -> None:
    """Measure, print the tables and write them to ``var/bench-create.md``."""
    about = [machine() + "."]
    rows: list[Row] = []
    insides: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        databases = {"SQLite": f"sqlite:///{folder / 'portal.sqlite3'}"}
        binaries = find_binaries()
        if binaries is None:
            about.append("PostgreSQL is not installed: its rows are missing.")
        else:
            databases["PostgreSQL"] = stack.enter_context(temporary_server(binaries, durable=True))
        rows += client_alone(folder, sandbox)
        with minimal(folder, sandbox) as server:
            rows += under_gunicorn(
                MINIMAL, server, [Browser(server.port) for _ in range(max(CLIENTS))], sandbox
            )
        for database, url in databases.items():
            environment = environment_of(url, sandbox)
            run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
            insides[database] = inside("portal", environment, folder, sandbox)
            rows += server_time(database, insides[database])
            with portal(folder, environment) as server:
                rows += under_gunicorn(Peer("portal", database, NEW), server, _signed_in(server), sandbox)
    tables = [table(HEAD, [row.cells() for row in rows]), added(rows), stages(insides)]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# What a create costs", *about, *tables]) + "\n")
    print(RESULT.read_text())


def environment_of(url: str, sandbox: BenchSandbox) -> dict[str, str]:
    """Practice mode on the benchmark's own database, with every option of production turned on."""
    return {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "CDP_BASE_URL": sandbox.address,
        "CDP_RECONCILIATION": "false",  # the practice default; if on, one more call before each create
        "LOG_LEVEL": "INFO",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }


# --- Servers ----------------------------------------------------------------------------------------
@contextmanager
def portal(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """The portal as deployed: gunicorn with the project's own configuration."""
    port = free_port()
    command = [str(BIN / "gunicorn"), "--config", "gunicorn.conf.py", "consumerportal.wsgi"]
    chosen = {**environment, "PORTAL_PORT": str(port)}
    with serving(command, port=port, environment=chosen, log=folder / "portal.log") as server:
        yield server


@contextmanager
def minimal(folder: Path, sandbox: BenchSandbox) -> Iterator[Server]:
    """The peer, with the portal's default numbers and kinds of workers and threads."""
    port = free_port()
    command = [str(BIN / "gunicorn"), "--config", "/dev/null", "--no-control-socket"]
    command += ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "2"]
    command += ["--threads", "32", "--keep-alive", "30", "benchmarks.minimal.site:application"]
    environment = {"CDP_BASE_URL": sandbox.address, "DJANGO_SETTINGS_MODULE": ""}
    with serving(command, port=port, environment=environment, log=folder / "minimal.log") as server:
        yield server


def _signed_in(server: Server) -> list[Browser]:
    browsers = [Browser(server.port) for _ in range(max(CLIENTS))]
    for browser in browsers:
        browser.sign_in(*PERSON)
    return browsers


# --- Measurements -----------------------------------------------------------------------------------
def client_alone(folder: Path, sandbox: BenchSandbox) -> Iterator[Row]:
    """The portal's client, over a pooled connection, without the portal."""
    environment = environment_of(f"sqlite:///{folder / 'unused.sqlite3'}", sandbox)
    for delay in DELAYS:
        sandbox.answer_after(delay)
        calls = inside("client", environment, folder, sandbox)["calls"]
        yield Row("client alone: create", "–", delay, 1, Samples(tuple(calls), sum(calls)))
    sandbox.answer_after(0)


def inside(what: str, environment: dict[str, str], folder: Path, sandbox: BenchSandbox) -> dict[str, Any]:
    """The figures of ``benchmarks.inside``."""
    say(f"inside: {what}")
    orders = json.dumps(sandbox.orders.several(200))
    command = [sys.executable, "-m", "benchmarks.inside", what]
    figures: dict[str, Any] = json.loads(run(command, environment, log=folder / "log", given=orders))
    return figures


def server_time(database: str, figures: dict[str, Any]) -> Iterator[Row]:
    """The form page without gunicorn, sockets and measuring client: wall and processor time."""
    wall, processor = (tuple(column) for column in zip(*figures["pages"], strict=True))
    yield Row("portal: form page, in process", database, None, 1, Samples(wall, sum(wall)))
    yield Row("portal: form page, processor", database, None, 1, Samples(processor, sum(processor)))


def under_gunicorn(
    peer: Peer, server: Server, browsers: list[Browser], sandbox: BenchSandbox
) -> Iterator[Row]:
    """The form page and creates: immediate and late answers of the sandbox, one client and several."""

    def read(browser: Browser) -> None:
        expect(browser.get(peer.path), 200)

    def create(browser: Browser) -> None:
        answer = browser.post(peer.path, posted(sandbox.orders.next(), consumer()))
        expect(answer, peer.status, location=peer.location)

    def row(what: str, delay: float | None, clients: int, act: Callable[[Browser], None], count: int) -> Row:
        say(f"{peer.name}, {peer.database}: {what}, {clients} at a time, delay {delay}")
        samples = measure(browsers[:clients], act, count)
        samples = replace(samples, resident_bytes=server.resident_bytes)
        return Row(f"{peer.name}: {what}", peer.database, delay, clients, samples)

    for browser in browsers:
        read(browser)  # its CSRF token
    for clients in CLIENTS:
        yield row("form page", None, clients, read, PAGES)
    for delay in DELAYS:
        sandbox.answer_after(delay)
        for clients in CLIENTS:
            yield row("create", delay, clients, create, CREATES[delay])
    sandbox.answer_after(0)


def say(words: str) -> None:
    """Write what is measured now to standard error."""
    print(f"{words} …", file=sys.stderr, flush=True)


# --- Tables -----------------------------------------------------------------------------------------
def added(rows: list[Row]) -> str:
    """A table of the time that each peer adds to the call at p50, one client."""
    calls = {row.delay: row for row in rows if row.what == "client alone: create"}
    lines = [
        [row.what, row.database, _answers(row.delay), f"{_between(calls[row.delay], row):.1f}"]
        for row in rows
        if row.what.endswith("create") and row.clients == 1 and row is not calls[row.delay]
    ]
    return table(("what", "database", "sandbox answers", "added to the call, p50 ms"), lines)


def _between(call: Row, whole: Row) -> float:
    return whole.samples.milliseconds(0.5) - call.samples.milliseconds(0.5)


def stages(insides: dict[str, dict[str, Any]]) -> str:
    """A table of the stages of one create, in one process, sequential, without gunicorn."""
    labels = next(iter(insides.values()))["stages"]
    lines = [
        [label, *(f"{figures['stages'][label] * 1000:.2f}" for figures in insides.values())]
        for label in labels
    ]
    counts = [" / ".join(map(str, figures["queries"])) for figures in insides.values()]
    lines.append(["statements of a form page / of a create", *counts])
    return table(("one create at once, p50 ms", *insides), lines)
