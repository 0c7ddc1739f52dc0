"""Exports of 100 thousand and of 1 million submissions, compared with alternatives.

Each export runs in a separate process and writes to the null device; the time starts when the process has its
database connection. No time limit fails the benchmark. ``BENCH_ROWS``: comma-separated numbers of rows
(100000,1000000). ``BENCH_TIMES``: repetitions (3; the medians are shown). ``BENCH_OLD``: the folder of
another checkout, whose Excel files are measured too, alternating with those of this one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import machine, sizes, table
from tests.support.postgresql import find_binaries, new_database, temporary_server
from tests.support.processes import ROOT, run

RESULT = ROOT / "var" / "bench-export.md"
SIZES = sizes("100000,1000000")
TIMES = int(os.environ.get("BENCH_TIMES", "3"))
OLD = os.environ.get("BENCH_OLD", "")
LARGEST_OF_PEERS = 100_000  # rows: with more, django-import-export would use gigabytes
HEAD = (
    "export",
    "columns",
    "seconds (least–most)",
    "processor s",
    "rows/s",
    "first byte ms",
    "peak memory MB",
    "file MB",
    "n",
)
FORMATS = {
    "csv": "CSV for spreadsheets",
    "csv_exact": "CSV, exact",
    "jsonl": "JSON Lines",
    "xlsx": "Excel",
}
OURS = [(name, way, columns) for way, name in FORMATS.items() for columns in ("plain", "personal")]
RAW = (
    "submitted_at, actor_name, outcome, order_ref, consumer_ref, guest_ref, finished_at, duration_ms,"
    " http_status, error_code, error_field, resolved_how, resolved_at, resolved_by_name, resolution_reason,"
    " late_outcome, late_consumer_ref, contradicted, consumer_href, order_href, guest_href, public_id,"
    " resubmission_of_id"
)
LIMIT = f"SELECT {RAW} FROM consumers_submission ORDER BY submitted_at DESC, id DESC"


@dataclass(frozen=True, slots=True)
class Run:
    """The cost of one export: seconds and bytes; None if not measured."""

    seconds: float
    processor: float | None = None  # of the process alone, without the database's
    first: float | None = None
    resident: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table."""

    name: str
    columns: str
    runs: Sequence[Run]

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def processor(self) -> float | None:
        """The lowest, which other load of the machine affects least."""
        return min((run.processor for run in self.runs if run.processor), default=None)

    def cells(self, rows: int) -> list[str]:
        """The cells of the row as text."""
        every = [run.seconds for run in self.runs]
        one = self.runs[0]
        firsts = [run.first for run in self.runs if run.first is not None]
        resident = max((run.resident or 0 for run in self.runs), default=0)
        return [
            self.name,
            self.columns,
            f"{self.seconds:.2f} ({min(every):.2f}–{max(every):.2f})",
            f"{self.processor:.2f}" if self.processor else "–",
            f"{rows / self.seconds:,.0f}",
            f"{statistics.median(firsts) * 1000:.1f}" if firsts else "–",
            f"{resident / 1e6:.0f}" if resident else "–",
            f"{one.bytes / 1e6:.0f}" if one.bytes else "–",
            str(len(self.runs)),
        ]


def main() -> None:
    """Measure, print the tables and write them to ``var/bench-export.md``."""
    parts = ["# Exports", machine() + "."]
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        binaries = find_binaries()
        server = stack.enter_context(temporary_server(binaries, durable=True)) if binaries else ""
        for rows in SIZES:
            parts += [f"## {rows:,} submissions, SQLite"]
            parts += measured(folder, f"sqlite:///{folder / f'{rows}.sqlite3'}", rows)
            if server:
                parts += [f"## {rows:,} submissions, PostgreSQL"]
                parts += measured(folder, new_database(server, f"rows_{rows}"), rows)
        if not server:
            parts.append("PostgreSQL is not installed: its tables are missing.")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(parts) + "\n")
    print(RESULT.read_text())


def measured(folder: Path, url: str, rows: int) -> list[str]:
    """The table of one empty database, and a text with the conclusions."""
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }
    log = folder / "log"
    print(f"{url.partition(':')[0]}, {rows:,} rows …", file=sys.stderr, flush=True)
    run([sys.executable, "manage.py", "migrate", "-v", "0"], environment, log=log)
    run([sys.executable, "-m", "tests.support.filled_database", str(rows)], environment, log=log)
    peers = [("csv.writer over iterator()", "recipe", "plain")]
    if rows <= LARGEST_OF_PEERS:
        peers.append(("openpyxl, write-only", "openpyxl", "plain"))
        if importlib.util.find_spec("import_export"):
            peers.append(("django-import-export", "import-export", "plain"))
    old = [("Excel, the other checkout", "xlsx", columns) for columns in ("plain", "personal") if OLD]
    wanted = [*OURS, *old, *peers]
    found: dict[tuple[str, str, str], list[Run]] = {one: [] for one in wanted}
    limits: list[Run] = []
    for _time in range(TIMES):  # alternating, so that other load of the machine affects all of them
        limits.append(_limit(url))
        for one in wanted:
            if one not in peers or not found[one]:
                folder_of = Path(OLD) if one in old else ROOT
                found[one].append(_inside(one[1], one[2], environment, log, folder_of))
    lines = [Line(name, columns, runs) for (name, _way, columns), runs in found.items()]
    limit = Line(_limit_name(url), "plain, raw", limits)
    by_way = {
        way + columns: line
        for (name, way, columns), line in zip(found, lines, strict=True)
        if (name, way, columns) not in old
    }
    csv, excel = by_way["csvplain"].seconds, by_way["xlsxplain"].seconds
    conclusions = [f"CSV for spreadsheets takes {csv / limit.seconds:.1f} times as long as {limit.name}"]
    for way, what, ours in (
        ("recipe", "the usual recipe takes {:.1f} times as long as it", csv),
        ("import-export", "django-import-export {:.1f} times as long as it", csv),
        ("openpyxl", "openpyxl {:.1f} times as long as Excel by the portal", excel),
    ):
        if way + "plain" in by_way:
            conclusions.append(what.format(by_way[way + "plain"].seconds / ours))
    return [table(HEAD, [line.cells(rows) for line in (*lines, limit)]), "; ".join(conclusions) + "."]


def _inside(way: str, columns: str, environment: Mapping[str, str], log: Path, folder: Path) -> Run:
    command = [sys.executable, "-m", "benchmarks.export_inside", way, columns]
    return Run(**json.loads(run(command, environment, log=log, cwd=folder)))


def _limit_name(url: str) -> str:
    return (
        "psql, COPY"
        if url.startswith("postgres")
        else "the sqlite3 shell"
        if _shell()
        else "Python's sqlite3"
    )


def _shell() -> str | None:
    return shutil.which("sqlite3")


def _limit(url: str) -> Run:
    """The database's own fastest way to write the same raw columns."""
    if url.startswith("postgres"):
        binaries = find_binaries()
        assert binaries is not None
        command = [str(binaries / "psql"), url, "-qXc", f"COPY ({LIMIT}) TO STDOUT (FORMAT csv)"]
    elif shell := _shell():
        command = [shell, "-csv", url.removeprefix("sqlite:///"), LIMIT]
    else:
        read = "import csv, os, sqlite3, sys; csv.writer(open(os.devnull, 'w')).writerows("
        command = [sys.executable, "-c", f"{read}sqlite3.connect(sys.argv[1]).execute(sys.argv[2]))"]
        command += [url.removeprefix("sqlite:///"), LIMIT]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Run(time.perf_counter() - begin)
