"""A worker writes every submission again with another key, while people get the form page.

As deployed: gunicorn with two processes, one ``manage.py worker`` with its pauses, and the commands of
docs/operating.md. No time limit fails the benchmark. ``BENCH_ROWS`` is the number of submissions
(1,000,000), ``BENCH_DATABASE`` one of both databases, ``BENCH_KEYS`` the kinds of keys in their order
(encryption,digest).
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg

from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import machine, percentile, sizes, table
from benchmarks.pace import Timed, paced
from consumerportal.practice_values import PRACTICE_VALUES
from tests.support.http_browser import Answer, Browser
from tests.support.keys import new_encryption_key
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import ROOT, run, running

RESULT = ROOT / "var" / "bench-key-rotation-at-work.md"
ROWS = sizes("1000000")[-1]
KINDS = os.environ.get("BENCH_KEYS", "encryption,digest").split(",")
DATABASES = os.environ.get("BENCH_DATABASE", "sqlite,postgresql").split(",")
PAGES_PER_SECOND = 10.0
IDLE_SECONDS, WINDOW_SECONDS = 20.0, 5.0
HEAD = (
    "database, key",
    "rows",
    "minutes",
    "rows/s",
    "rows per processor second of the worker",
    "form page before: p50 / p95 ms",
    "form page meanwhile: p50 / p95 ms",
    "longest ms",
    "pages; failed",
)
NOT_FINISHED: Final = "SELECT count(*) FROM core_keyrewriting WHERE finished_at IS NULL"
STARTED: Final = "SELECT count(*) FROM core_keyrewriting WHERE started_at IS NOT NULL AND kind = "
SPAN: Final = "SELECT min(started_at), max(finished_at), sum(done) FROM core_keyrewriting WHERE kind = "


@dataclass
class Site:
    """A portal and a worker on a full database, with a signed-in person."""

    url: str
    environment: dict[str, str]
    log: Path
    person: Browser
    worker: subprocess.Popen[bytes]

    def form_page(self) -> Answer:
        """Get the form page, over a new connection."""
        with self.person.tab() as tab:
            return tab.get(NEW)

    def pages(self, seconds: float) -> list[Timed]:
        """The form page at a fixed rate for that time."""
        return paced(self.form_page, PAGES_PER_SECOND, seconds)

    def command(self, *arguments: str) -> str:
        """The output of a management command."""
        return run([sys.executable, "manage.py", *arguments], self.environment, log=self.log)

    def asked(self, statement: LiteralString) -> tuple[Any, ...]:
        """The only row of a query on the portal's database."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=60)) as file:
                row: tuple[Any, ...] = file.execute(statement).fetchone()
                return row
        with psycopg.connect(self.url) as connection:
            found = connection.execute(statement).fetchone()
            assert found is not None
            return found

    def worker_seconds(self) -> float:
        """The processor time of the worker (seconds)."""
        stat = Path(f"/proc/{self.worker.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print the table and write it to ``var/bench-key-rotation-at-work.md``."""
    about = [f"{machine()}. {PAGES_PER_SECOND:g} form pages a second, each over a new connection."]
    lines: list[tuple[str, ...]] = []
    binaries = find_binaries()
    for database in DATABASES:
        if database == "postgresql" and binaries is None:
            about.append("PostgreSQL is not installed: its rows are missing.")
            continue
        with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
            url = f"sqlite:///{Path(name, 'rotation.sqlite3')}"
            if database == "postgresql":
                assert binaries is not None
                url = stack.enter_context(temporary_server(binaries, durable=True))
            site = stack.enter_context(full_portal(Path(name), url))
            for kind in KINDS:
                lines.append(measured(database, kind, site))
                # Each line at once: the whole run takes an hour.
                print(lines[-1], file=sys.stderr, flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# Key rotation at work", *about, table(HEAD, lines)]) + "\n")
    print(RESULT.read_text())


@contextmanager
def full_portal(folder: Path, url: str) -> Iterator[Site]:
    """The portal with two keys of each kind, the worker, and the requested number of submissions."""
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "AUDIT_CHECKPOINT_FILE": str(folder / "checkpoints.jsonl"),
        "SPOOL_DIR": str(folder / "spool"),
        "WEB_WORKERS": "2",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }
    log = folder / "log"
    print(f"{url.partition(':')[0]}, {ROWS:,} rows …", file=sys.stderr, flush=True)
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=log)
    began = time.monotonic()
    run([sys.executable, "-m", "tests.support.filled_database", str(ROWS)], environment, log=log)
    print(f"filled after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    new = {
        "ENCRYPTION_KEYS": new_encryption_key(),
        "DIGEST_KEYS": secrets.token_urlsafe(40),
    }
    environment |= {name: f"{PRACTICE_VALUES[name]},{value}" for name, value in new.items()}
    command = [sys.executable, "manage.py", "worker"]
    with (
        portal(folder, environment) as server,
        running(command, environment, log=folder / "worker.log") as worker,
    ):
        person = Browser(server.port)
        person.sign_in(*PERSON)
        person.reconnect()
        site = Site(url, environment, log, person, worker)
        site.command("rotate_keys", "--add")
        yield site


def measured(database: str, kind: str, site: Site) -> tuple[str, ...]:
    """Put the other key of a kind to use, and get the form page until every row is written again."""
    [label] = (
        line.partition(" ")[0]
        for line in site.command("rotate_keys").splitlines()
        if line.startswith(f"{kind}:") and "registered" in line
    )
    site.pages(3)  # every process has loaded its modules
    idle = site.pages(IDLE_SECONDS)
    site.command("rotate_keys", "--use", label)
    while not site.asked(f"{STARTED}'{kind}'")[0]:  # the worker waits for a minute
        time.sleep(0.5)
    before, meanwhile = site.worker_seconds(), list[Timed]()
    while site.asked(NOT_FINISHED)[0]:
        meanwhile += site.pages(WINDOW_SECONDS)
    processor = site.worker_seconds() - before
    began, ended, done = site.asked(f"{SPAN}'{kind}'")
    rows = int(done)
    seconds = (_moment(ended) - _moment(began)).total_seconds()
    failed = sum(page.status != 200 for page in meanwhile)
    return (
        f"{database}, {kind}",
        f"{rows:,}",
        f"{seconds / 60:.1f}",
        f"{rows / seconds:,.0f}",
        f"{rows / processor:,.0f}",
        _milliseconds(idle),
        _milliseconds(meanwhile),
        f"{max(page.seconds for page in meanwhile) * 1000:.0f}",
        f"{len(meanwhile):,}; {failed}",
    )


def _moment(stored: str | datetime) -> datetime:
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)


def _milliseconds(pages: list[Timed]) -> str:
    seconds = [page.seconds for page in pages]
    return f"{percentile(seconds, 0.5) * 1000:.0f} / {percentile(seconds, 0.95) * 1000:.0f}"
