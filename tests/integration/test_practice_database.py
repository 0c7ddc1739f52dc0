"""An outdated practice database is set aside, with its checkpoints; a current one stays."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def prepare(folder: Path) -> str:
    """Run ``prepare_practice`` on a database in that folder and return what it printed."""
    environment = {
        **os.environ,
        "PORTAL_MODE": "practice",
        "DATABASE_URL": f"sqlite:///{folder / 'practice.sqlite3'}",
        "STATIC_ROOT": str(folder / "static"),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "manage.py", "prepare_practice"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('consumers', '0002_of_another_version', CURRENT_TIMESTAMP)",
        "ALTER TABLE consumers_submission RENAME COLUMN check_count TO looks",
        "DROP TABLE consumers_pastresolution",
    ],
    ids=["a migration that is gone", "another column", "a table that is missing"],
)
def test_an_outdated_database_is_set_aside_and_a_current_one_stays(tmp_path: Path, change: str) -> None:
    assert "earlier version" not in prepare(tmp_path)
    assert "earlier version" not in prepare(tmp_path)
    checkpoints = tmp_path / "practice.checkpoints.jsonl"
    checkpoints.write_text("of the old log")
    with closing(sqlite3.connect(tmp_path / "practice.sqlite3")) as database, database:
        database.execute(change)
    assert "earlier version" in prepare(tmp_path)
    [old] = [path for path in tmp_path.iterdir() if path.is_dir() and path.name.startswith("practice-")]
    assert {path.name for path in old.iterdir()} == {"practice.sqlite3", "practice.checkpoints.jsonl"}
    assert not checkpoints.exists()
    assert "earlier version" not in prepare(tmp_path)
