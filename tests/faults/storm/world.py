"""The portal with its environment, as processes on separate ports in a temporary folder."""

from __future__ import annotations

import http.client
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sandbox.data.seed import SAMPLE_ORDER
from tests.faults.storm.vendor import Vendor
from tests.support import prepared
from tests.support.ports import free_port
from tests.support.supervised_processes import START_SECONDS, Cluster, Service
from tests.support.waiting import wait_for
from tests.support.wrong_clock import clock_ahead

BIN = Path(sys.executable).parent
AHEAD = 45 * 60  # seconds
END_SECONDS = 5.0
DATABASES = ("sqlite", "postgresql")
# Seconds. Short limits, so that a call and the whole reconciliation take minutes at most.
TIMES = {
    "CDP_CONNECT_TIMEOUT": "1",
    "CDP_READ_TIMEOUT": "1.5",
    "CDP_TOTAL_TIMEOUT": "3",
    "CDP_RECONCILIATION_AFTER": "1,3,8,20",
}


@dataclass(slots=True)
class Machine:
    """The web server and the workers of a machine, and its environment, which commands use as well."""

    environment: dict[str, str]
    portal: Service
    workers: list[Service] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port of its web server."""
        return int(self.environment["PORTAL_PORT"])

    def restart(self, changes: Mapping[str, str]) -> None:
        """Restart its processes, one after the other, with these variables in addition.

        Raises ``RuntimeError`` if it does not answer afterwards.
        """
        self.environment |= changes
        for service in (self.portal, *self.workers):
            service.restart(changes)
        if not wait_for(self.is_healthy, 2 * START_SECONDS):
            raise RuntimeError(f"{self.portal.name} does not answer after its restart")

    def is_healthy(self) -> bool:
        """Whether its web server answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with suppress(OSError, http.client.HTTPException), closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False


class World:
    """Sandbox (over TLS), database, gunicorn with two workers, background workers.

    ``machines``: 1, or 2. The second has its own web server, spool and checkpoints, and half of the workers.
    ``clocks_apart``: there are two, and the clock of the second is 45 minutes ahead.

    The context manager prepares everything and removes it at the end. The folder with the logs stays if
    ``keep`` has been set.
    """

    def __init__(
        self,
        database: str,
        *,
        workers: int = 2,
        environment: Mapping[str, str] | None = None,
        worker_command: tuple[str, ...] = ("manage.py", "worker"),
        machines: int = 1,
        clocks_apart: bool = False,
    ) -> None:
        self.database = database
        self.keep = False
        self.folder = Path(tempfile.mkdtemp(prefix=f"portal-storm-{database}-"))
        self.cluster = Cluster() if database == "postgresql" else None
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._asking = threading.Lock()
        url = self.cluster.url if self.cluster else prepared.copy_file(self.folder)
        self.port, sandbox_port = free_port(), free_port()
        self._sandbox_data = self.folder / "sandbox.sqlite3"
        ca_file = self.folder / "sandbox.sqlite3.tls" / "ca.pem"
        self.vendor = Vendor(sandbox_port, ca_file)
        self.environment = {
            "PORTAL_MODE": "practice",
            "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
            "DATABASE_URL": url,
            "SPOOL_DIR": str(self.folder / "spool"),
            "STATIC_ROOT": str(prepared.static_files()),
            "AUDIT_CHECKPOINT_FILE": str(self.folder / "checkpoints.jsonl"),
            "PORTAL_PORT": str(self.port),
            "SANDBOX_PORT": str(sandbox_port),
            "SANDBOX_DATA": str(self._sandbox_data),
            "SANDBOX_TLS": "good",
            "CDP_BASE_URL": f"https://127.0.0.1:{sandbox_port}",
            "CDP_CA_FILE": str(ca_file),
            "CDP_RECONCILIATION": "true",
            **TIMES,
            **(environment or {}),
        }
        self.sandbox = self._service("sandbox", sys.executable, "-m", "sandbox")
        gunicorn = (str(BIN / "gunicorn"), "--config", "gunicorn.conf.py", "consumerportal.wsgi")
        self.machines = [Machine(dict(self.environment), self._service("portal", *gunicorn))]
        if machines > 1 or clocks_apart:
            other = {
                **self.environment,
                "SPOOL_DIR": str(self.folder / "spool-2"),
                "AUDIT_CHECKPOINT_FILE": str(self.folder / "checkpoints-2.jsonl"),
                "MACHINE_NAME": "ahead" if clocks_apart else "second",
                "PORTAL_PORT": str(free_port()),
                **(clock_ahead(AHEAD) if clocks_apart else {}),
            }
            portal = self._service("portal-2", *gunicorn, environment=other)
            self.machines.append(Machine(other, portal))
        for number in range(workers):
            machine = self.machines[number % len(self.machines)]
            name, command = f"worker-{number + 1}", (sys.executable, *worker_command)
            machine.workers.append(self._service(name, *command, environment=machine.environment))
        self.ports = [machine.port for machine in self.machines]
        self.portal = self.machines[0].portal
        self.portals = [machine.portal for machine in self.machines]
        self.workers = [worker for machine in self.machines for worker in machine.workers]
        self.services = [self.sandbox, *self.portals, *self.workers]

    def __enter__(self) -> World:
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.vendor.close()
        # A thread that was interrupted may wait in a query: it must not hold up the end.
        if self._asking.acquire(timeout=END_SECONDS):
            self._leave_server()
        for service in reversed(self.services):
            service.stop()
        if self.cluster:
            self.cluster.stop()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self) -> None:
        """Start the portal and its workers; raises ``RuntimeError`` if it does not answer."""
        for service in (*self.portals, *self.workers):
            service.start()
        if not wait_for(self.is_healthy, START_SECONDS):
            output = "\n".join(portal.log()[-3000:] for portal in self.portals)
            raise RuntimeError(f"The portal did not start:\n{output}")

    def is_healthy(self) -> bool:
        """Whether the portal answers, on every machine."""
        return all(machine.is_healthy() for machine in self.machines)

    def add_orders(self, count: int) -> list[str]:
        """Add that many copies of the sample order to the sandbox; returns their references."""
        refs = [str(uuid.uuid4()) for _ in range(count)]
        with closing(sqlite3.connect(self._sandbox_data, timeout=30)) as file, file:
            [body] = file.execute("SELECT body FROM orders WHERE ref = ?", [SAMPLE_ORDER]).fetchone()
            file.executemany(
                "INSERT INTO orders (ref, reference_id, body) VALUES (?, ?, ?)",
                [(ref, f"STORM-{n}", body.replace(SAMPLE_ORDER, ref)) for n, ref in enumerate(refs)],
            )
        return refs

    def rows(self, statement: str, *values: str) -> list[dict[str, Any]]:
        """The rows of a query on the portal's database; ``?`` is a placeholder.

        Raises the database's errors. Thread-safe.
        """
        if self.cluster is None:
            with closing(sqlite3.connect(self.folder / "portal.sqlite3", timeout=30)) as file:
                file.row_factory = sqlite3.Row
                return [dict(row) for row in file.execute(statement, values)]
        with self._asking:
            try:
                return self._on_server(statement, values)
            except psycopg.OperationalError:  # the server was restarted since the last query
                self._leave_server()
                return self._on_server(statement, values)

    def _on_server(self, statement: str, values: Sequence[str]) -> list[dict[str, Any]]:
        assert self.cluster is not None
        if self._connection is None:
            # Tests ask many times a second; a connection for each question would take most of the time.
            self._connection = psycopg.connect(self.cluster.url, row_factory=dict_row, autocommit=True)
        return self._connection.execute(statement.replace("?", "%s").encode(), values).fetchall()

    def _leave_server(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def is_idle(self) -> bool:
        """Whether no process is inside a transaction that writes (SQLite), or inside any (PostgreSQL)."""
        if self.cluster is None:
            with closing(sqlite3.connect(self.folder / "portal.sqlite3", timeout=0.2)) as file:
                try:
                    file.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:  # locked
                    return False
                return True
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
        return not self.rows(f"{others} AND pid <> pg_backend_pid()")

    def spooled(self) -> list[str]:
        """The names of the files in the spools, including unfinished ones."""
        return sorted(path.name for path in self.folder.glob("spool*/*") if path.name != "place")

    def _prepare(self) -> None:
        if self.cluster:
            self.cluster.start()
        self.sandbox.start()
        started = time.monotonic()
        while not self.vendor.answers():
            if time.monotonic() - started > START_SECONDS:
                raise RuntimeError(f"The sandbox did not start:\n{self.sandbox.log()[-2000:]}")
            time.sleep(0.2)
        if self.cluster:
            prepared.fill(self.cluster.url)

    def _service(self, name: str, *command: str, environment: Mapping[str, str] | None = None) -> Service:
        environment = {**self.environment, **(environment or {})}
        return Service(name, command, environment, self.folder / f"{name}.log")
