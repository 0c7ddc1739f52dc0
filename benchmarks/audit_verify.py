"""The speed of verifying the audit log, compared with reading it and with hashing the same bytes.

``BENCH_ROWS``: comma-separated numbers of events (100000,1000000). No time limit fails the benchmark.
"""

from __future__ import annotations

import os
from statistics import median
from typing import Any

from benchmarks import audit_databases
from benchmarks.figures import machine, sizes, table
from tests.support.processes import ROOT

RESULT = ROOT / "var" / "bench-audit-verify.md"
SIZES = sizes("100000,1000000")
TIMES = int(os.environ.get("BENCH_TIMES", "3"))
WAYS = {"verify": "verified", "read": "read, every column", "hash": "SHA-256 of the same bytes"}
HEAD = (
    "what",
    "database",
    "events",
    "seconds (least–most)",
    "rows/s",
    "µs a row",
    "processor s",
    "memory MB",
    "n",
)


def main() -> None:
    """Measure, print the table and write it to ``var/bench-audit-verify.md``."""
    about = (
        f"{machine()}. Processor seconds are those of the measured process; PostgreSQL has processes of its"
        " own. Memory is what the process grew by."
    )
    lines = []
    for name in audit_databases.names():
        for size in SIZES:
            with audit_databases.temporary(name) as database:
                database.inside("audit_verify_inside", "fill", str(size))
                for way, words in WAYS.items():
                    runs = [database.inside("audit_verify_inside", way) for _ in range(TIMES)]
                    lines.append(line_of(words, name, runs))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# Verifying the audit log", about, table(HEAD, lines)]) + "\n")
    print(RESULT.read_text())


def line_of(words: str, database: str, runs: list[dict[str, Any]]) -> list[str]:
    """A row of the table: the medians, and the range of the seconds."""
    seconds = sorted(run["seconds"] for run in runs)
    middle, rows = median(seconds), runs[0]["rows"]
    return [
        words,
        database,
        f"{rows:,}",
        f"{middle:.2f} ({seconds[0]:.2f}–{seconds[-1]:.2f})",
        f"{rows / middle:,.0f}",
        f"{middle / rows * 1e6:.1f}",
        f"{median(run['processor'] for run in runs):.2f}",
        f"{max(run['grown'] for run in runs) / 1e6:.0f}",
        str(len(runs)),
    ]
