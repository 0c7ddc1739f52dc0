"""The cost of an access report at any size of the audit log.

``BENCH_ROWS``: comma-separated numbers of events (10000,1000000); ``BENCH_DATABASE``: ``sqlite`` or
``postgresql``. ``BENCH_CLOCK=processor`` measures processor time, also of PostgreSQL. No time limit fails
the benchmark.
"""

from __future__ import annotations

from benchmarks import audit_databases, clocks
from benchmarks.figures import machine, percentile, sizes, table
from tests.support.processes import ROOT

SETTINGS = "consumerportal.settings"
RESULT = ROOT / "var" / "bench-access-report.md"
SIZES = sizes("10000,1000000")
ABOUT = (
    "p50 / p95 in milliseconds of server time, from the WSGI handler's side, each for another person. A page"
    " resolves the person, finds and reads the events, counts them up to 1,000, and records its own event."
)
Times = dict[int, dict[str, list[float]]]


def main() -> None:
    """Measure, print the tables and write them to ``var/bench-access-report.md``."""
    parts = ["# Access report", f"{machine()}, {clocks.NAME}. {ABOUT}"]
    for name in audit_databases.names():
        times: Times = {}
        for size in SIZES:
            with audit_databases.temporary(name, SETTINGS) as database:
                arguments = ("access_report_inside", "fill", str(size))
                database.inside(*arguments, settings=SETTINGS)
                times[size] = database.inside("access_report_inside", "ask", settings=SETTINGS)
        parts += [f"## {name}", shown(times)]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(parts) + "\n")
    print(RESULT.read_text())


def shown(times: Times) -> str:
    """The table of one database: a row per request, a column per size."""
    lines = [[question, *(_both(times[size][question]) for size in times)] for question in times[min(times)]]
    return table(["asked for", *(f"{size:,} events" for size in times)], lines)


def _both(seconds: list[float]) -> str:
    return f"{percentile(seconds, 0.5) * 1000:.1f} / {percentile(seconds, 0.95) * 1000:.1f}"
