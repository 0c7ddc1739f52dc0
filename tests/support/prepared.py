"""The database that ``prepare_practice`` creates, made once per run of the suite and copied for each portal.

Making it takes six seconds of processor time: password hashes, migrations, static files. A copy takes none.
"""

from __future__ import annotations

import atexit
import fcntl
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
from django.conf import settings

from tests.support.postgresql import find_binaries
from tests.support.processes import run

FOLDER = "PREPARED_PRACTICE"
"""The environment variable with a folder that several processes share."""
_FILE = "portal.sqlite3"
_DUMP = "dump.sql"


@cache
def folder() -> Path:
    """The folder with the originals: shared by the processes of a run, or our own, deleted at the end."""
    given = os.environ.get(FOLDER)
    if given:
        Path(given).mkdir(parents=True, exist_ok=True)
        return Path(given)
    made = Path(tempfile.mkdtemp(prefix="portal-prepared-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def static_files() -> Path:
    """The collected static files. Portals only read them, so that they can share the folder."""
    return folder() / "static"


def for_children() -> dict[str, str]:
    """Make the original of the suite's kind; returns the environment with which a child process uses it."""
    if settings.DATABASES["default"]["ENGINE"] == "apps.core.sqlite":
        _original_file()
    else:
        _original_database(suite_server())
    return {FOLDER: str(folder())}


def suite_server() -> str:
    """The address of the suite's PostgreSQL server, without a database."""
    suite = settings.DATABASES["default"]
    return f"postgres://{suite['USER']}@{suite['HOST']}:{suite['PORT']}"


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


def fill(database_url: str) -> None:
    """Fill an empty database of another PostgreSQL server: from the original if there is one."""
    dump = folder() / _DUMP
    if dump.exists():
        restore = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={dump}", database_url]
        _run_program("psql", *restore)
    else:
        prepare(database_url)


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


def _original_file() -> Path:
    original = folder() / _FILE
    with _alone():
        if not original.exists():
            prepare(f"sqlite:///{folder() / 'unfinished.sqlite3'}")
            (folder() / "unfinished.sqlite3").rename(original)
    return original


def _original_database(server: str) -> str:
    made = folder() / "database"
    with _alone():
        if not made.exists():
            name = f"prepared_{uuid.uuid4().hex[:12]}"
            _on(server, f"CREATE DATABASE {name}")
            if FOLDER not in os.environ:  # otherwise other processes use it, and the server is temporary
                atexit.register(_drop, server, name)
            prepare(f"{server}/{name}")
            # Now, because a database with a connection cannot be copied.
            _run_program("pg_dump", f"--file={folder() / _DUMP}", f"{server}/{name}")
            made.write_text(name)
    return made.read_text()


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process makes an original."""
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run_program(name: str, *arguments: str) -> None:
    binaries = find_binaries()
    assert binaries is not None
    run([str(binaries / name), *arguments], {}, log=folder() / "log")


def _drop(server: str, name: str) -> None:
    try:
        _on(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    except psycopg.Error:
        return  # the server has been stopped, and its data deleted


def _on(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())
