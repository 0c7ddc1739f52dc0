"""One verification in a separate process: ``python -m benchmarks.audit_verify_inside verify``.

``fill ROWS`` fills the log first. ``read`` only reads every row, ``hash`` only hashes the same
bytes. Prints seconds, processor seconds, rows and the growth of the resident memory (bytes) as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import islice

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.audit_site.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.db import connection

from apps.audit.integrity.bulk_hashing import canonical_text
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.stored_rows import rows_after
from apps.audit.integrity.verification import verify
from tests.support import audit_rows


def verified() -> int:
    """The portal's verification of the whole log."""
    result = verify()
    if result.verdict is not Verdict.UNCHANGED or not result.whole:
        raise SystemExit(f"The verdict is {result.verdict.value}")
    return result.last


def read() -> int:
    """Read every column of every row through the cursor, without using them."""
    return sum(len(rows) for rows in rows_after(None))


def hashed() -> int:
    """Hash the bytes of 10,000 rows repeatedly, as often as there are rows: only SHA-256."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event")
        count = int(cursor.fetchone()[0])
    texts = [canonical_text(row).encode() for row in islice(audit_rows.rows(count), 10_000)]
    link = bytes(32)
    _begin()
    for place in range(count):
        link = hashlib.sha256(link + texts[place % len(texts)]).digest()
    return count


WAYS: dict[str, Callable[[], int]] = {"verify": verified, "read": read, "hash": hashed}
_began = [0.0, 0.0]


def _begin() -> None:
    _began[:] = time.perf_counter(), time.process_time()


def main(way: str, rows: int = 0) -> None:
    """Run the named measurement once, and print its cost."""
    connection.ensure_connection()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _begin()
    if way == "fill":
        audit_rows.fill(rows)
    else:
        rows = WAYS[way]()
    wall, processor = time.perf_counter() - _began[0], time.process_time() - _began[1]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    json.dump({"seconds": wall, "processor": processor, "rows": rows, "grown": grown}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
