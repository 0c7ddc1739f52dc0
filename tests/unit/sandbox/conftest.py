"""A sandbox for each test, on a free port of the loopback interface, with a clock that tests can set."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller


class Clock:
    """A clock that moves only when a test advances it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Start = Callable[[str], SandboxServer]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory if the machine has one: the sandbox waits for the disk at every write."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def start(folder: Path, seeded: Path, clock: Clock) -> Iterator[Start]:
    """Start a sandbox with the named certificate; an empty name means plain HTTP."""
    with ExitStack() as running:

        def begin(tls: str) -> SandboxServer:
            data = Path(shutil.copy(seeded, folder / "sandbox.sqlite3"))
            return running.enter_context(SandboxServer(data=data, clock=clock, tls=tls))

        yield begin


@pytest.fixture
def server(start: Start) -> SandboxServer:
    return start("")


@pytest.fixture
def caller(server: SandboxServer) -> Caller:
    return Caller(server.base_url)
