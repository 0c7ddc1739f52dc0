"""The cost of a page of the audit log at any size of the log, compared with the Django admin's list.

``BENCH_ROWS``: comma-separated numbers of events (10000,1000000). Filling 10000000 takes half an hour; that
is for PostgreSQL (``BENCH_DATABASE=postgresql``). ``BENCH_CLOCK=processor`` measures processor time,
also of PostgreSQL. No time limit fails the benchmark.
"""

from __future__ import annotations

from benchmarks import audit_databases, clocks
from benchmarks.figures import machine, percentile, sizes, table
from tests.support.processes import ROOT

RESULT = ROOT / "var" / "bench-audit-pages.md"
SIZES = sizes("10000,1000000")
SETTINGS = {"portal": "consumerportal.settings", "admin": "benchmarks.audit_site.settings"}
ABOUT = (
    "p50 / p95 in milliseconds of server time, from the WSGI handler's side. The portal reads session and"
    " person and writes an event of each page before it is shown, which waits for the disk; the admin does"
    " neither, and has no choices of filters beside its list. The last column is the portal's p50 at the most"
    " events by that at the fewest."
)
Times = dict[tuple[str, int], dict[str, list[float]]]


def main() -> None:
    """Measure, print the tables and write them to ``var/bench-audit-pages.md``."""
    parts = ["# Pages of the audit log", f"{machine()}, {clocks.NAME}. {ABOUT}"]
    for name in audit_databases.names():
        times: Times = {}
        for size in SIZES:
            with audit_databases.temporary(name) as database:
                database.inside("audit_pages_inside", "fill", str(size))
                for who, settings in SETTINGS.items():
                    times[who, size] = database.inside("audit_pages_inside", who, settings=settings)
        parts += [f"## {name}", shown(times)]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(parts) + "\n")
    print(RESULT.read_text())


def shown(times: Times) -> str:
    """The table of one database: a row per request, a column per size for the portal and the admin."""
    sizes = sorted({size for _, size in times})
    columns = [(who, size) for who in SETTINGS for size in sizes]
    head = ["asked for", *(f"{who}, {size:,}" for who, size in columns), "most : fewest"]
    lines = []
    for question in times["portal", sizes[0]]:
        cells = [_both(times[column].get(question, [])) for column in columns]
        few, many = (percentile(times["portal", size][question], 0.5) for size in (sizes[0], sizes[-1]))
        lines.append([question, *cells, f"{many / few:.2f}"])
    return table(head, lines)


def _both(seconds: list[float]) -> str:
    if not seconds:
        return "–"
    return f"{percentile(seconds, 0.5) * 1000:.1f} / {percentile(seconds, 0.95) * 1000:.1f}"
