"""The cost of a page of the list of submissions, and of the figures, with a thousand rows and with a million:
each sort, filter and saved view.

Server time in process, through Django's test client, compared with the Django admin's list of the same table
and with the same figures as an admin page. No time limit fails the benchmark. ``BENCH_ROWS`` is the larger
number of rows (1,000,000), ``BENCH_REQUESTS`` the number of requests for each filter (60), ``BENCH_DATABASE``
the only database to measure. ``BENCH_CLOCK=processor`` measures processor time, also of PostgreSQL.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import clocks
from benchmarks.figures import machine, percentile, sizes, table
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import ROOT, run

RESULT = ROOT / "var" / "bench-submissions-list.md"
FEW, MANY = 1_000, sizes("1000000")[-1]
HEAD = (
    "asked for",
    *(f"{share} ms, {rows:,} rows" for rows in (FEW, MANY) for share in ("p50", "p95")),
    "times",
)
ADMIN = "Django admin: "
ONLY = os.environ.get("BENCH_DATABASE", "").lower()
Times = dict[str, list[float]]


def main() -> None:
    """Measure, print the tables and write them to ``var/bench-submissions-list.md``."""
    about = f"{machine()}, {clocks.NAME}. *Times*: p50 with many rows through p50 with few."
    parts = ["# The list of submissions and the figures", about]
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        if ONLY in ("", "sqlite"):
            of_sqlite = {rows: f"sqlite:///{folder / f'{rows}.sqlite3'}" for rows in (FEW, MANY)}
            parts += ["## SQLite", measured(folder, of_sqlite)]
        binaries = find_binaries()
        if ONLY == "sqlite":
            pass
        elif binaries is None:
            parts.append("PostgreSQL is not installed: its table is missing.")
        else:
            server = stack.enter_context(temporary_server(binaries, durable=True))
            parts += ["## PostgreSQL", measured(folder, {rows: _made(server, rows) for rows in (FEW, MANY)})]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(parts) + "\n")
    print(RESULT.read_text())


def measured(folder: Path, urls: dict[int, str]) -> str:
    """The table of one kind of database; the databases are empty at first."""
    found = {rows: _times(folder, url, rows) for rows, url in urls.items()}
    lines = []
    for name in found[MANY]:
        few, many = found[FEW][name], found[MANY][name]
        cells = [f"{percentile(times, share) * 1000:.1f}" for times in (few, many) for share in (0.5, 0.95)]
        lines.append((name, *cells, f"{percentile(many, 0.5) / percentile(few, 0.5):.2f}"))
    return table(HEAD, lines)


def _times(folder: Path, url: str, rows: int) -> Times:
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "LOG_LEVEL": "WARNING",
        "CDP_BASE_URL": "http://127.0.0.1:9",  # no request reaches it
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }
    log = folder / "log"
    print(f"{url.partition(':')[0]}, {rows:,} rows …", file=sys.stderr, flush=True)
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=log)
    run([sys.executable, "-m", "tests.support.filled_database", str(rows)], environment, log=log)
    for name in ("BENCH_CLOCK", "BENCH_REQUESTS"):
        if value := os.environ.get(name):
            environment[name] = value
    inside = [sys.executable, "-m", "benchmarks.list_inside"]
    times: Times = json.loads(run([*inside, "portal"], environment, log=log))
    environment["DJANGO_SETTINGS_MODULE"] = "benchmarks.with_admin.settings"
    of_admin: Times = json.loads(run([*inside, "admin"], environment, log=log))
    return times | {ADMIN + name: seconds for name, seconds in of_admin.items()}


def _made(server: str, rows: int) -> str:
    """The address of a new database on that server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE rows_{rows}")
    return f"{server.rpartition('/')[0]}/rows_{rows}"
