"""Add orders to the data file of a sandbox."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from sandbox.data.seed import SAMPLE_ORDER


def add_orders(data: Path, count: int) -> list[str]:
    """Add copies of the sample order to a sandbox's file; returns their new references."""
    refs = [str(uuid.uuid4()) for _ in range(count)]
    with closing(sqlite3.connect(data, timeout=10)) as file, file:
        [body] = file.execute("SELECT body FROM orders WHERE ref = ?", [SAMPLE_ORDER]).fetchone()
        file.executemany(
            "INSERT INTO orders (ref, reference_id, body) VALUES (?, ?, ?)",
            [(ref, f"BENCH-{number}", body.replace(SAMPLE_ORDER, ref)) for number, ref in enumerate(refs)],
        )
    return refs
