"""From 500 pasted or uploaded rows to their dry run, beside django-import-export, and to the last receipt."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import sandboxes
from benchmarks.batch_send import HEAD as SEND_HEAD
from benchmarks.batch_send import measure_send
from benchmarks.create import environment_of
from benchmarks.figures import machine, sizes, table
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import run

RESULT = Path("var/bench-batch_check.md")
HEAD = ["database", "rows", "from", "read, ms", "columns and storing, ms", "dry run, ms", "all, ms"]
PEER = "django-import-export: "
"""Begins the names of the peer's rows."""


def main() -> None:
    """Measure, print the table and write it to ``var/bench-batch_check.md``."""
    rows: list[list[str]] = []
    sent: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        databases = {"SQLite": f"sqlite:///{folder / 'portal.sqlite3'}"}
        if (binaries := find_binaries()) is not None:
            databases["PostgreSQL"] = stack.enter_context(temporary_server(binaries, durable=True))
        for database, url in databases.items():
            environment = {**environment_of(url, sandbox), "CDP_RECONCILIATION": "True"}
            run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
            for count in sizes("500"):
                command = [sys.executable, "-m", "benchmarks.batch_check_inside", str(count)]
                figures = json.loads(run(command, environment, log=folder / "log", given=""))
                rows += [[database, str(count), *one] for one in figures]
                sent.append([database, *measure_send(folder, environment, sandbox, count)])
    RESULT.parent.mkdir(exist_ok=True)
    about = "Pages are requested four times a second, and timed from when they were due."
    tables = [table(HEAD, rows), "## To the last receipt", about, table(SEND_HEAD, sent)]
    text = "\n\n".join(["# A list, from its file to the dry run", machine() + ".", *tables])
    RESULT.write_text(f"{text}\n")
    print(RESULT.read_text())
