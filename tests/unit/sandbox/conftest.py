"""A sandbox for each test, on a free port of the loopback interface, with a clock that tests can set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from apps.sandbox.server import SandboxServer
from tests.unit.sandbox.caller import Caller


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(data=tmp_path / "sandbox.sqlite3", clock=clock) as running:
        yield running


@pytest.fixture
def caller(server: SandboxServer) -> Caller:
    return Caller(server.base_url)
