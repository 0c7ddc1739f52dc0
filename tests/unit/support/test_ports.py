"""Ports for the servers of tests: no two processes get the same, and no outgoing connection takes one."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ports
from tests.support.ports import FIRST_PORT, LAST_PORT, free_port
from tests.support.processes import ROOT

FIVE_PORTS = "from tests.support.ports import free_port\nprint(*(free_port() for _ in range(5)))"


def test_processes_at_the_same_time_get_different_ports() -> None:
    command = [sys.executable, "-c", FIVE_PORTS]
    together = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    given = [port for process in together for port in process.communicate()[0].split()]
    assert len(given) == len(set(given)) == 20


def test_port_is_below_those_of_outgoing_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert FIRST_PORT <= free_port() <= LAST_PORT < listener.getsockname()[1]


def test_used_ports_are_left_out_and_the_last_is_followed_by_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "_LAST_GIVEN", tmp_path / "last")
    first = free_port()
    monkeypatch.setattr(ports, "FIRST_PORT", first)
    monkeypatch.setattr(ports, "LAST_PORT", first + 2)
    with socket.create_server(("127.0.0.1", first + 1)):
        assert [free_port(), free_port(), free_port()] == [first + 2, first, first + 2]


def test_error_if_every_port_is_in_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ports, "_LAST_GIVEN", tmp_path / "last")
    port = free_port()
    monkeypatch.setattr(ports, "FIRST_PORT", port)
    monkeypatch.setattr(ports, "LAST_PORT", port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RuntimeError, match="is in use"):
        free_port()
