"""The speed of writing every submission again with another encryption key and another digest key.

One process without the worker's pauses. ``BENCH_ROWS`` is the number of submissions (100,000).
"""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figures import machine, sizes, table
from consumerportal.practice_values import PRACTICE_VALUES
from tests.support.keys import new_encryption_key
from tests.support.postgresql import find_binaries, temporary_server
from tests.support.processes import ROOT, run

RESULT = ROOT / "var" / "bench-key-rotation.md"
HEAD = (
    "database, key",
    "rows",
    "rows/s",
    "rows per processor second",
    "longest batch ms",
    "minutes for 1,000,000",
)


def main() -> None:
    """Measure, print the table and write it to ``var/bench-key-rotation.md``."""
    rows = sizes("100000")[-1]
    lines: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        lines += _measured("SQLite", folder, f"sqlite:///{folder / 'rotation.sqlite3'}", rows)
        binaries = find_binaries()
        if binaries is not None:
            server = stack.enter_context(temporary_server(binaries, durable=True))
            lines += _measured("PostgreSQL", folder, server, rows)
    parts = ["# Key rotation", machine(), table(HEAD, lines)]
    if binaries is None:
        parts.append("PostgreSQL is not installed: its rows are missing.")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(parts) + "\n")
    print(RESULT.read_text())


def _measured(database: str, folder: Path, url: str, rows: int) -> list[tuple[str, ...]]:
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": url,
        "AUDIT_CHECKPOINT_FILE": str(folder / "checkpoints.jsonl"),
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
    }
    log = folder / "log"
    print(f"{database}, {rows:,} rows …", file=sys.stderr, flush=True)
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=log)
    run([sys.executable, "-m", "tests.support.filled_database", str(rows)], environment, log=log)
    environment |= {
        "ENCRYPTION_KEYS": f"{PRACTICE_VALUES['ENCRYPTION_KEYS']},{new_encryption_key()}",
        "DIGEST_KEYS": f"{PRACTICE_VALUES['DIGEST_KEYS']},{secrets.token_urlsafe(40)}",
    }
    found = json.loads(run([sys.executable, "-m", "benchmarks.key_rotation_inside"], environment, log=log))
    return [
        (
            f"{database}, {kind}",
            f"{one['rows']:,}",
            f"{one['rows'] / one['seconds']:,.0f}",
            f"{one['rows'] / one['processor']:,.0f}",
            f"{one['longest'] * 1000:.0f}",
            f"{one['seconds'] / one['rows'] * 1_000_000 / 60:.1f}",
        )
        for kind, one in found.items()
    ]
