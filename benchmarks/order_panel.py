"""The cost of the order beside the form, and of a create with and without it."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import sandboxes
from benchmarks.create import environment_of
from benchmarks.figures import machine, table
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import run

RESULT = Path("var/bench-order_panel.md")
DELAYED = ("retrieve_order", "list_order_consumers", "search_guests", "create_order_consumer")
HEAD = [
    "database", "vendor", "consumers", "panel, ms", "panel, processor ms", "panel, calls",
    "create after panel, ms", "calls", "create without panel, ms", "calls",
]  # fmt: skip


def main() -> None:
    """Measure, print the table and write it to ``var/bench-order_panel.md``."""
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        databases = {"SQLite": f"sqlite:///{folder / 'portal.sqlite3'}"}
        if (binaries := find_binaries()) is not None:
            databases["PostgreSQL"] = stack.enter_context(temporary_server(binaries, durable=True))
        for database, url in databases.items():
            environment = {**environment_of(url, sandbox), "CDP_RECONCILIATION": "True"}
            run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
            for delay in (0.05, 2.0):
                sandbox.answer_after(delay, operations=DELAYED)
                command = [sys.executable, "-m", "benchmarks.order_panel_inside"]
                figures = json.loads(run(command, environment, log=folder / "log", given=""))
                rows += [[database, f"{delay:g} s", *map(str, one)] for one in figures]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# The order beside the form", machine() + ".", table(HEAD, rows)]) + "\n")
    print(RESULT.read_text())
