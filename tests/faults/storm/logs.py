"""The exceptions in the logs of the processes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tests.faults.storm.world import World

TRACEBACK = "Traceback (most recent call last):"
# The first is logged while the database is down, the second when gunicorn ends a worker.
EXPECTED = ("OperationalError", "InterfaceError", "SystemExit")
_EXCEPTION = re.compile(r"^([A-Za-z_]\w*(?:\.\w+)*)(?:: |:?$)", re.MULTILINE)
# In the words of Python, and in those of apps/core/tracebacks.py.
_CAUSE = re.compile(r"^(?:The|During handling of the|While the) above exception", re.MULTILINE)


def exceptions(world: World) -> Counter[str]:
    """The exceptions at the end of each traceback, by kind of process."""
    return Counter(
        f"{service.name.split('-')[0]}: {name}"
        for service in (*world.portals, *world.workers)
        for name in exceptions_in(service.log())
    )


def exceptions_in(log: str) -> Iterator[str]:
    """The class of each exception that a log has a traceback of, without those that caused another one.

    Several processes write to one log, so the line of another message can stand within a traceback. A
    traceback without a line that names an exception is reported as "?".
    """
    for block in log.split(TRACEBACK)[1:]:
        if not _CAUSE.search(block):
            found = _EXCEPTION.search(block)
            yield found[1] if found else "?"
