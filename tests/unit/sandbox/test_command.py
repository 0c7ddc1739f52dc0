"""`python -m sandbox` that cannot start says why in one line."""

import os
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("SANDBOX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SANDBOX_DATA", str(tmp_path / "command.sqlite3"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--host", "0.0.0.0"], "SANDBOX_HOST: 0.0.0.0 is not a loopback address"),
        (["--port", "70000"], "SANDBOX_PORT: 70000 is not a port"),
        (["--port", "0", "--data", "/"], "unable to open database file"),
    ],
)
def test_unusable_option_is_reported(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"python -m sandbox: {problem}\n")


def test_unusable_variable_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_CREATE_STATUS", "204")
    assert main([]) == 1
    assert capsys.readouterr().err == "python -m sandbox: SANDBOX_CREATE_STATUS: must be 200 or 201\n"


def test_used_port_is_reported(server: SandboxServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(Caller(server.base_url).port)]) == 1
    assert "Address already in use" in capsys.readouterr().err
