"""An outdated practice database is moved away with its checkpoints; a current one stays."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOVE_AWAY = """
import django
django.setup()
from consumerportal.practice_database import set_aside_if_outdated
print(set_aside_if_outdated() or "current")
"""


def run(folder: Path, *arguments: str) -> str:
    """Run Python with the practice database of that folder; returns its output."""
    environment = {
        **os.environ,
        "PORTAL_MODE": "practice",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'practice.sqlite3'}",
        "STATIC_ROOT": str(folder / "static"),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice database of this version."""
    folder = tmp_path_factory.mktemp("prepared")
    run(folder, "manage.py", "migrate", "--verbosity", "0")
    return folder / "practice.sqlite3"


def test_current_database_is_not_changed(prepared: Path) -> None:
    assert run(prepared.parent, "-c", MOVE_AWAY) == "current\n"


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
def test_outdated_database_is_moved_away(tmp_path: Path, prepared: Path, change: str) -> None:
    shutil.copy(prepared, tmp_path)
    checkpoints = tmp_path / "practice.checkpoints.jsonl"
    checkpoints.write_text("of the old log")
    with closing(sqlite3.connect(tmp_path / "practice.sqlite3")) as database, database:
        database.execute(change)
    old = Path(run(tmp_path, "-c", MOVE_AWAY).strip())
    assert {path.name for path in old.iterdir()} == {"practice.sqlite3", "practice.checkpoints.jsonl"}
    assert not checkpoints.exists()
    assert run(tmp_path, "-c", MOVE_AWAY) == "current\n"
