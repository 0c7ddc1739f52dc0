"""Read a spreadsheet in a child process, so that no file costs the portal memory or time without a limit."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any, Final

from django.conf import settings

from apps.batches.cells import cells_from_json
from apps.batches.models import SourceKind
from apps.batches.reading.limits import Limits
from apps.batches.reading.table import Finding, FindingCode, NotReadable, Table, TableFault, TableRow

SECONDS: Final = 20
"""After so many seconds a child is killed."""
_CHILDREN: Final = 2
"""Children of one process of the portal at the same time, so that their memory has a limit as well."""
_WAIT: Final = 30
"""Seconds that a file waits for its turn."""
_turns = threading.BoundedSemaphore(_CHILDREN)


def read_spreadsheet(content: bytes, limits: Limits) -> Table:
    """The table of an Excel or OpenDocument file.

    Raises :class:`NotReadable`: what the child found, ``TOO_COMPLEX`` if it ended without an answer, ``BUSY``
    if it had to wait for too long or the machine cannot start a child.
    """
    if not _turns.acquire(timeout=_WAIT):
        raise NotReadable(TableFault.BUSY)
    try:
        answer = _answer(content, limits)
    finally:
        _turns.release()
    if "fault" in answer:
        raise NotReadable(TableFault(answer["fault"]), answer["count"])
    return Table(
        SourceKind(answer["kind"]),
        tuple(TableRow(number, cells_from_json(cells)) for number, cells in answer["rows"]),
        tuple(Finding(FindingCode(code), count, detail) for code, count, detail in answer["findings"]),
    )


def _answer(content: bytes, limits: Limits) -> dict[str, Any]:
    """What the child wrote. Its errors are not read: they may quote the file."""
    command = [sys.executable, "-E", "-s", "-m", "apps.batches.reading.child", json.dumps(asdict(limits))]
    try:
        # No environment: it has the portal's secrets. Limits are set by the child itself, because a function
        # that runs between fork and exec is not safe in a process with threads.
        child = subprocess.run(
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
            env={},
            timeout=SECONDS,
            check=True,
        )
        found = json.loads(child.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise NotReadable(TableFault.TOO_COMPLEX) from None
    except OSError:  # the machine has no memory or no process left for a child
        raise NotReadable(TableFault.BUSY) from None
    if not isinstance(found, dict):
        raise NotReadable(TableFault.TOO_COMPLEX)
    return found
