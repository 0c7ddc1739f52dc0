"""The exceptions in the logs of the processes."""

from __future__ import annotations

from collections import Counter

from tests.faults.storm.world import World

TRACEBACK = "Traceback (most recent call last):"
# The first is logged while the database is down, the second when gunicorn ends a worker.
EXPECTED = ("OperationalError", "InterfaceError", "SystemExit")


def exceptions(world: World) -> Counter[str]:
    """The exceptions at the end of each traceback, by kind of process."""
    found: Counter[str] = Counter()
    for service in (*world.portals, *world.workers):
        for block in service.log().split(TRACEBACK)[1:]:
            lines = [line for line in block.splitlines() if line.strip() and not line.startswith(" ")]
            if len(lines) > 1 and "exception" in lines[1]:
                continue  # the cause of the next traceback
            found[f"{service.name.split('-')[0]}: {lines[0].split(':')[0] if lines else '?'}"] += 1
    return found
