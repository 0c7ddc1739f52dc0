"""The databases of the audit benchmarks: temporary, and durable at each commit like the portal's."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import run

WITH_PEERS = "benchmarks.audit_site.settings"
ONLY = os.environ.get("BENCH_DATABASE", "").lower()
"""``sqlite`` or ``postgresql``: measure only that database."""


@dataclass(frozen=True, slots=True)
class Database:
    """An empty practice database with the tables of the portal and of its peers."""

    name: str
    url: str
    folder: Path

    def inside(self, module: str, *arguments: str, settings: str = WITH_PEERS) -> Any:
        """The JSON output of a benchmark module, run on this database in a separate process."""
        print(f"{self.name}: {module} {' '.join(arguments)} …", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        environment = self._environment() | {"DJANGO_SETTINGS_MODULE": settings}
        return json.loads(run(command, environment, log=self.folder / "log"))

    def prepare(self, settings: str) -> None:
        """Create the tables and the practice users."""
        for command in (["migrate", "--run-syncdb", "--verbosity", "0"], ["prepare_practice"]):
            environment = self._environment() | {"DJANGO_SETTINGS_MODULE": settings}
            run([sys.executable, "manage.py", *command], environment, log=self.folder / "log")

    def _environment(self) -> dict[str, str]:
        return {
            "PORTAL_MODE": "practice",
            "DATABASE_URL": self.url,
            "AUDIT_CHECKPOINT_FILE": str(self.folder / "checkpoints.jsonl"),
            "DJANGO_SETTINGS_MODULE": WITH_PEERS,
            "CDP_BASE_URL": "http://127.0.0.1:9",  # no request reaches it
            "LOG_LEVEL": "WARNING",
        }


@contextmanager
def temporary(name: str, settings: str = WITH_PEERS) -> Iterator[Database]:
    """A prepared ``SQLite`` or ``PostgreSQL`` inside the block, with the tables of these settings."""
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as made:
        folder = Path(made)
        if name == "SQLite":
            database = Database(name, f"sqlite:///{folder / 'portal.sqlite3'}", folder)
            database.prepare(settings)
            yield database
            return
        binaries = find_binaries()
        assert binaries is not None, "names() leaves it out then"
        with temporary_server(binaries, durable=True) as url:
            database = Database(name, url, folder)
            database.prepare(settings)
            yield database


def names() -> list[str]:
    """The databases available on this machine."""
    there = ["SQLite", *(["PostgreSQL"] if find_binaries() else [])]
    return [name for name in there if ONLY in ("", name.lower())]
