"""What the storm reads from the logs: the exceptions, also with lines of other processes between them."""

from __future__ import annotations

import pytest

from apps.core import tracebacks
from tests.faults.storm.logs import exceptions_in

REFUSED = """2026-12-01T00:10:04 [warning  ] error connecting in 'default': connection failed: refused
\tIs the server running on that host and accepting TCP/IP connections? [psycopg.pool]
"""
FRAMES = """Traceback (most recent call last):
  File "apps/one.py", line 3, in one
    two()
"""
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (REFUSED, []),
        (FRAMES + "KeyError: 'order'\n", ["KeyError"]),
        (FRAMES + "psycopg.OperationalError: connection refused\n", ["psycopg.OperationalError"]),
        (FRAMES + "apps.one.Two\n" + FRAMES + "SystemExit: 1\n", ["apps.one.Two", "SystemExit"]),
        (FRAMES + "KeyError: 'order'\n" + CAUSED + FRAMES + "RuntimeError: one\n", ["RuntimeError"]),
        (FRAMES + "KeyError: 'order'\n" + DURING + FRAMES + "RuntimeError\n", ["RuntimeError"]),
        (f"{FRAMES}KeyError\n\n{tracebacks.CAUSE}\n\n{FRAMES}RuntimeError\n", ["RuntimeError"]),
        (f"{FRAMES}KeyError\n\n{tracebacks.CONTEXT}\n\n{FRAMES}RuntimeError\n", ["RuntimeError"]),
        (FRAMES + REFUSED + "KeyError: 'order'\n", ["KeyError"]),
        (FRAMES + "psycopg.OperationalError: refused\n" + REFUSED, ["psycopg.OperationalError"]),
        (
            FRAMES + "KeyError: 'order'\n" + REFUSED + CAUSED + FRAMES + "RuntimeError: one\n",
            ["RuntimeError"],
        ),
        (FRAMES + REFUSED, ["?"]),
    ],
)
def test_the_exception_of_each_traceback_is_found_among_lines_of_other_processes(
    log: str, expected: list[str]
) -> None:
    assert list(exceptions_in(log)) == expected
