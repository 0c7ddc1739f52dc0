"""Loopback ports for servers that tests start."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

# Below the default range of outgoing connections (Linux: from 32768, macOS: from 49152).
FIRST_PORT = 20_000
LAST_PORT = 31_999

_LAST_GIVEN = Path(tempfile.gettempdir()) / f"portal-test-port-{os.getuid()}"


def free_port() -> int:
    """A free loopback port, below the range of outgoing connections.

    The processes of one user share a counter, so each gets another port until all were given once. Raises
    ``RuntimeError`` if every port is in use.
    """
    with _LAST_GIVEN.open("a+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        last = int(counter.read() or FIRST_PORT - 1)
        count = LAST_PORT - FIRST_PORT + 1
        for step in range(1, count + 1):
            port = FIRST_PORT + (last - FIRST_PORT + step) % count
            if _is_free(port):
                counter.truncate(0)
                counter.write(str(port))
                return port
    raise RuntimeError(f"Every port from {FIRST_PORT} to {LAST_PORT} is in use.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
