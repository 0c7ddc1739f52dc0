"""An outdated practice database is moved away with its checkpoints; a current one stays."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import prepared
from tests.support.processes import run

MOVE_AWAY = """
import django
django.setup()
from consumerportal.practice_database import set_aside_if_outdated
for _ in range(2):
    print(set_aside_if_outdated() or "current")
"""


def move_away_twice(folder: Path) -> list[str]:
    """What two calls return for the practice database of that folder."""
    environment = {
        "PORTAL_MODE": "practice",
        "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
        "STATIC_ROOT": str(folder / "static"),
        "LOG_LEVEL": "WARNING",
    }
    return run([sys.executable, "-c", MOVE_AWAY], environment, log=folder / "log").splitlines()


@pytest.fixture
def practice(tmp_path: Path) -> Path:
    """The folder of a practice database of this version."""
    prepared.copy_file(tmp_path)
    return tmp_path


def test_current_database_is_not_changed(practice: Path) -> None:
    assert move_away_twice(practice) == ["current", "current"]


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
def test_outdated_database_is_moved_away(practice: Path, change: str) -> None:
    checkpoints = practice / "portal.checkpoints.jsonl"
    checkpoints.write_text("of the old log")
    with closing(sqlite3.connect(practice / "portal.sqlite3")) as database, database:
        database.execute(change)
    old, after = move_away_twice(practice)
    assert {path.name for path in Path(old).iterdir()} == {"portal.sqlite3", "portal.checkpoints.jsonl"}
    assert not checkpoints.exists()
    assert after == "current"
