"""A temporary PostgreSQL server in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.ports import free_port

PROCESSES_ONCE = "PROCESSES_ONCE"
"""The environment variable of a run of the suite that another one on the other database completes."""


def find_binaries() -> Path | None:
    """The folder with initdb and pg_ctl, newest version first; None if PostgreSQL is not installed."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True
    )
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


@contextmanager
def temporary_server(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """Start a server on a free loopback port; yields its DATABASE_URL.

    ``durable``: each commit waits for the disk, as in production; for benchmarks.
    """
    as_server_user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="portal-postgresql-"))
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_server_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres", "postgres")
    port = free_port()
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run([*as_server_user, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    run(
        str(binaries / "initdb"),
        "--no-sync",
        "-D",
        str(data),
        "-A",
        "trust",
        "-U",
        "portal",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    )
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=200"
    )
    if not durable:
        # The data need not survive a crash of the machine. They survive the end of the server process.
        options += " -c fsync=off -c full_page_writes=off"
    run(str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
    try:
        yield f"postgres://portal@127.0.0.1:{port}/postgres"
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str, name: str) -> str:
    """The DATABASE_URL of a new database with this name. ``server``: from :func:`temporary_server`."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"
