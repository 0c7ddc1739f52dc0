"""Production starts with everything in order, or says everything that is not; practice stays at home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from consumerportal.startup import PRACTICE_VALUES
from tests.sweeps.source import ROOT

COMPLETE = {
    "SECRET_KEY": "a secret of this test alone, 0123456789 0123456789 0123456789",
    "ENCRYPTION_KEYS": f"{Fernet.generate_key().decode()},{Fernet.generate_key().decode()}",
    "DIGEST_KEY": "a digest key of this test alone, 0123456789",
    "ALLOWED_HOSTS": "portal.example.com",
    "CDP_CLIENT_KEY": "a-client-key",
    "CDP_API_TOKEN": "an-api-token",
    "CDP_BASE_URL": "https://api-engage-eu.sitecorecloud.io",
}

pytestmark = pytest.mark.skipif((ROOT / ".env").exists(), reason="A .env file of this machine speaks, too")


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command of the portal with this environment and no more than Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        env={**kept, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _run("manage.py", *arguments, **environment)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'production.sqlite3'}"


def test_without_any_setting_one_message_names_all_that_are_missing() -> None:
    answer = _manage("check")
    assert answer.returncode != 0
    assert answer.stderr.count("The portal does not start in production mode:") == 1
    listed = [line.strip() for line in answer.stderr.splitlines() if line.startswith("  - ")]
    assert sorted(listed) == sorted(f"- {name} is not set" for name in PRACTICE_VALUES)


def test_practice_values_are_refused_by_name() -> None:
    answer = _manage("check", **PRACTICE_VALUES)
    assert answer.returncode != 0
    for name, value in PRACTICE_VALUES.items():
        assert f"{name} is a practice value, which everybody knows" in answer.stderr
        assert value not in answer.stderr


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SECRET_KEY", "short", "is shorter than 32 random characters"),
        ("DIGEST_KEY", "a" * 64, "is shorter than 32 random characters"),
        ("ENCRYPTION_KEYS", "not a key", "is not a list of Fernet keys"),
        ("ALLOWED_HOSTS", "*", "accepts every host"),
        ("ALLOWED_HOSTS", "portal.example.com, *", "accepts every host"),
        ("PORTAL_MODE", "staging", "is neither practice nor production"),
    ],
)
def test_an_unsafe_value_is_named_and_never_shown(name: str, value: str, problem: str) -> None:
    answer = _manage("check", **{**COMPLETE, name: value})
    assert answer.returncode != 0
    assert name in answer.stderr
    assert problem in answer.stderr
    assert "not a key" not in answer.stderr


def test_with_everything_set_the_deployment_check_passes(database: str) -> None:
    answer = _manage("check", "--deploy", "--fail-level", "WARNING", **COMPLETE, DATABASE_URL=database)
    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout


def test_practice_mode_does_not_leave_this_machine() -> None:
    answer = _manage("check", PORTAL_MODE="practice", CDP_BASE_URL=COMPLETE["CDP_BASE_URL"])
    assert answer.returncode != 0
    assert "CDP_BASE_URL leaves this machine" in answer.stderr


@pytest.mark.parametrize("command", ["create_practice_people", "prepare_practice"])
def test_practice_commands_refuse_production(command: str, database: str, tmp_path: Path) -> None:
    answer = _manage(command, **COMPLETE, DATABASE_URL=database)
    assert answer.returncode != 0
    assert "practice mode" in answer.stderr
    assert not (tmp_path / "production.sqlite3").exists()


def test_a_web_server_that_could_cut_a_create_short_does_not_start(database: str) -> None:
    check = ("-m", "gunicorn", "--check-config", "consumerportal.wsgi")
    good = _run(*check, **COMPLETE, DATABASE_URL=database)
    assert good.returncode == 0, good.stderr
    bad = _run(*check, **COMPLETE, DATABASE_URL=database, CDP_TOTAL_TIMEOUT="30", WEB_GRACEFUL_SECONDS="30")
    assert bad.returncode != 0
    assert "WEB_GRACEFUL_SECONDS (30) does not exceed CDP_TOTAL_TIMEOUT" in bad.stderr
