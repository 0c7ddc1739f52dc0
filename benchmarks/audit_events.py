"""The cost of an event: the portal's audit log, two packages and a bare INSERT, with the same fact."""

from __future__ import annotations

from benchmarks import audit_databases
from benchmarks.figures import Samples, machine, table
from tests.support.processes import ROOT

ALONE = "the fact alone"
RESULT = ROOT / "var" / "bench-audit-events.md"
HEAD = (
    "who tells of the fact",
    "database",
    "threads",
    "p50 ms",
    "p95 ms",
    "beside the fact alone, p50 ms",
    "events/s",
    "statements",
    "n",
)


def main() -> None:
    """Measure, print the table and write it to ``var/bench-audit-events.md``."""
    about = f"{machine()}. Each fact is a small row in a transaction of its own that waits for the disk."
    lines: list[list[str]] = []
    for name in audit_databases.names():
        with audit_databases.temporary(name) as database:
            found = database.inside("audit_events_inside")
            lines += lines_of(name, [(*one, Samples(tuple(s), elapsed)) for *one, s, elapsed in found])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# What an event costs", about, table(HEAD, lines)]) + "\n")
    print(RESULT.read_text())


def lines_of(database: str, found: list[tuple[str, int, int, Samples]]) -> list[list[str]]:
    """The rows of one database: each compared with the unlogged fact at the same number of threads."""
    alone = {threads: samples for way, threads, _, samples in found if way == ALONE}
    return [
        [
            way,
            database,
            str(threads),
            f"{samples.milliseconds(0.5):.2f}",
            f"{samples.milliseconds(0.95):.2f}",
            "–" if way == ALONE else f"{samples.milliseconds(0.5) - alone[threads].milliseconds(0.5):+.2f}",
            f"{samples.per_second:.0f}",
            str(statements),
            str(len(samples.seconds)),
        ]
        for way, threads, statements, samples in found
    ]
