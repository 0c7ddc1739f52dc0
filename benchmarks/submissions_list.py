"""The cost of a page of the list of submissions, and of the figures, with 50,000 rows and with a million:
each sort, filter and saved view. With 50,000 the pages of the commoner filters are full.

Server time in process, through Django's test client, compared with the Django admin's list of the same table
and with the same figures as an admin page. Both sizes are measured in turns, so that a slow minute of the
machine does not count for one of them only. No time limit fails the benchmark. ``BENCH_ROWS`` are the two
numbers of rows (50000,1000000), ``BENCH_REQUESTS`` the number of requests for each filter (60; the admin gets
one in five of them, before the turns),
``BENCH_DATABASE`` the only database to measure. ``BENCH_CLOCK=processor`` measures processor time, also of
PostgreSQL.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import clocks
from benchmarks.figures import machine, percentile, sizes, table
from tests.support.postgresql import find_binaries, new_database, temporary_server
from tests.support.processes import ROOT, run

if TYPE_CHECKING:
    from benchmarks.list_inside import Answers

RESULT = ROOT / "var" / "bench-submissions-list.md"
SIZES = sizes("50000,1000000")
FEW, MANY = SIZES[0], SIZES[-1]
HEAD = (
    "asked for",
    *(f"{figure}, {rows:,}" for rows in (FEW, MANY) for figure in ("rows", "p50 ms", "p95 ms")),
    "times",
)
ADMIN = "Django admin: "
ONLY = os.environ.get("BENCH_DATABASE", "").lower()
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60"))
ROUNDS = 5
PORTAL, WITH_ADMIN = "consumerportal.settings", "benchmarks.with_admin.settings"
ByName = dict[str, "Answers"]


def main() -> None:
    """Measure, print the tables, and write each to ``var/bench-submissions-list.md`` when it is complete."""
    meaning = (
        "*Rows*: on the page, or counted by the figures. *Times*: p50 with many rows through p50 with few."
    )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(f"# The list of submissions and the figures\n\n{machine()}, {clocks.NAME}. {meaning}\n")
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        if ONLY in ("", "sqlite"):
            of_sqlite = {rows: f"sqlite:///{folder / f'{rows}.sqlite3'}" for rows in {FEW, MANY}}
            _keep("SQLite", measured(folder, of_sqlite))
        binaries = find_binaries()
        if ONLY == "sqlite":
            pass
        elif binaries is None:
            _keep("PostgreSQL", "PostgreSQL is not installed.")
        else:
            server = stack.enter_context(temporary_server(binaries, durable=True))
            _keep(
                "PostgreSQL",
                measured(folder, {rows: new_database(server, f"rows_{rows}") for rows in {FEW, MANY}}),
            )
    print(RESULT.read_text())


def _keep(database: str, text: str) -> None:
    with RESULT.open("a") as file:
        file.write(f"\n## {database}\n\n{text}\n")


def measured(folder: Path, urls: dict[int, str]) -> str:
    """The table of one kind of database; the databases are empty at first."""
    places = {rows: _filled(folder, url, rows) for rows, url in urls.items()}
    found = {rows: _admin_answers(place) for rows, place in places.items()}
    for _round in range(ROUNDS):
        for rows, place in places.items():
            for name, answers in place.inside("portal", PORTAL).items():
                found[rows].setdefault(name, {"rows": answers["rows"], "seconds": []})
                found[rows][name]["seconds"] += answers["seconds"]
    lines = []
    # The portal first.
    for name in sorted(found[MANY], key=lambda name: name.startswith(ADMIN)):
        few, many = found[FEW][name], found[MANY][name]
        times = percentile(many["seconds"], 0.5) / percentile(few["seconds"], 0.5)
        lines.append((name, *_cells(few), *_cells(many), f"{times:.2f}"))
    return table(HEAD, lines)


def _cells(answers: Answers) -> tuple[str, ...]:
    p50, p95 = (percentile(answers["seconds"], share) * 1000 for share in (0.5, 0.95))
    return f"{answers['rows']:,}", f"{p50:.1f}", f"{p95:.1f}"


@dataclass
class Place:
    """A full database."""

    environment: dict[str, str]
    log: Path

    def inside(self, who: str, settings: str) -> ByName:
        """The answers to the requests of one round."""
        environment = {
            **self.environment,
            "DJANGO_SETTINGS_MODULE": settings,
            "BENCH_REQUESTS": str(max(REQUESTS // ROUNDS, 1)),
            "BENCH_CLOCK": os.environ.get("BENCH_CLOCK", ""),
        }
        command = [sys.executable, "-m", "benchmarks.list_inside", who]
        answers: ByName = json.loads(run(command, environment, log=self.log))
        return answers


def _filled(folder: Path, url: str, rows: int) -> Place:
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "LOG_LEVEL": "WARNING",
        "CDP_BASE_URL": "http://127.0.0.1:9",  # no request reaches it
        "DJANGO_SETTINGS_MODULE": PORTAL,
    }
    log = folder / "log"
    print(f"{url.partition(':')[0]}, {rows:,} rows …", file=sys.stderr, flush=True)
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=log)
    run([sys.executable, "-m", "tests.support.filled_database", str(rows)], environment, log=log)
    return Place(environment, log)


def _admin_answers(place: Place) -> ByName:
    return {ADMIN + name: answers for name, answers in place.inside("admin", WITH_ADMIN).items()}
