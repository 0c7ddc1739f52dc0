"""Ports for the servers of tests: no two processes get the same, and no outgoing connection takes one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import ports
from tests.support.ports import FIRST_PORT, LAST_PORT, free_port
from tests.support.processes import ROOT

MANY_PORTS = "from tests.support.ports import free_port\nprint(*(free_port() for _ in range(500)))"
NEVER_GIVEN = LAST_PORT + 100  # a port that no test gets from the counter


@pytest.fixture
def three_ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    monkeypatch.setattr(ports, "_LAST_GIVEN", tmp_path / "last")
    monkeypatch.setattr(ports, "FIRST_PORT", NEVER_GIVEN)
    monkeypatch.setattr(ports, "LAST_PORT", NEVER_GIVEN + 2)
    return [NEVER_GIVEN, NEVER_GIVEN + 1, NEVER_GIVEN + 2]


def test_processes_at_the_same_time_get_one_port_after_the_other(tmp_path: Path) -> None:
    command, environment = [sys.executable, "-c", MANY_PORTS], {**os.environ, "TMPDIR": str(tmp_path)}
    together = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    given = sorted(int(port) for process in together for port in process.communicate()[0].split())
    assert len(set(given)) == 2_000
    assert given[-1] - given[0] < 2_500  # not at random; those in use are left out


def test_port_is_below_those_of_outgoing_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert FIRST_PORT <= free_port() <= LAST_PORT < listener.getsockname()[1]


def test_used_ports_are_left_out_and_the_last_is_followed_by_the_first(three_ports: list[int]) -> None:
    first, used, last = three_ports
    with socket.create_server(("127.0.0.1", used)):
        assert [free_port(), free_port(), free_port()] == [first, last, first]


def test_error_if_every_port_is_in_use(three_ports: list[int]) -> None:
    with ExitStack() as servers:
        for port in three_ports:
            servers.enter_context(socket.create_server(("127.0.0.1", port)))
        with pytest.raises(RuntimeError, match="is in use"):
            free_port()
