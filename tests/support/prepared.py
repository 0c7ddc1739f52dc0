"""The database that ``prepare_practice`` creates, made once per test process and copied for each portal.

Making it takes six seconds of processor time: password hashes, migrations, static files. A copy takes none.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from tests.support.processes import run

FOLDER = "PREPARED_PRACTICE"
"""The environment variable with the folder of a parent process."""
_FILE = "portal.sqlite3"


@cache
def folder() -> Path:
    """The folder with the originals: a parent process may give its own; ours is deleted at the end."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given)
    made = Path(tempfile.mkdtemp(prefix="portal-prepared-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def static_files() -> Path:
    """The collected static files. Portals only read them, so that they can share the folder."""
    return folder() / "static"


def for_children() -> dict[str, str]:
    """The environment with which a child process uses the same SQLite file."""
    _original_file()
    return {FOLDER: str(folder())}


def copy_file(target: Path) -> str:
    """Copy the prepared SQLite file into that folder; returns its DATABASE_URL."""
    shutil.copy(_original_file(), target / _FILE)
    return f"sqlite:///{target / _FILE}"


@contextmanager
def copied_database(server: str) -> Iterator[str]:
    """A copy of the prepared database on that PostgreSQL server, dropped afterwards; yields its URL."""
    name = f"deployed_{uuid.uuid4().hex[:12]}"
    _on(server, f"CREATE DATABASE {name} TEMPLATE {_original_database(server)}")
    try:
        yield f"{server}/{name}"
    finally:
        _drop(server, name)


def prepare(database_url: str) -> None:
    """Run ``prepare_practice`` on that database. Raises ``RuntimeError`` if it fails."""
    environment = {
        "PORTAL_MODE": "practice",
        "DATABASE_URL": database_url,
        "STATIC_ROOT": str(static_files()),
        "SPOOL_DIR": str(folder() / "spool"),
        "AUDIT_CHECKPOINT_FILE": str(folder() / "checkpoints.jsonl"),
    }
    run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder() / "log")


@cache
def _original_file() -> Path:
    original = folder() / _FILE
    if not original.exists():
        prepare(f"sqlite:///{original}")
    return original


@cache
def _original_database(server: str) -> str:
    name = f"prepared_{uuid.uuid4().hex[:12]}"
    _on(server, f"CREATE DATABASE {name}")
    atexit.register(_drop, server, name)
    prepare(f"{server}/{name}")
    return name


def _drop(server: str, name: str) -> None:
    try:
        _on(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    except psycopg.Error:
        return  # the server has been stopped, and its data deleted


def _on(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())
