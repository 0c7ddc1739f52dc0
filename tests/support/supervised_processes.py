"""Processes that are restarted whenever they end, as a service supervisor would."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postgresql import find_binaries
from tests.support.waiting import CHECK_SECONDS, wait_for

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 30.0
START_SECONDS = 60.0


class Service:
    """A command that is restarted whenever its process ends, until it is stopped."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.starts = 0
        self._command, self._environment, self._log = list(command), {**os.environ, **environment}, log
        self._process: subprocess.Popen[bytes] | None = None
        self._started_with = self._environment
        self._groups: list[int] = []
        self._let_go = threading.Event()
        self._watch = threading.Thread(target=self._keep, name=f"keep-{name}", daemon=True)

    @property
    def pid(self) -> int:
        """The current process id; 0 if no process runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    @property
    def children(self) -> list[int]:
        """The ids of its child processes."""
        with suppress(OSError):
            listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return [int(child) for child in listed.split()]
        return []

    def start(self) -> None:
        """Start the process and supervise it."""
        self._watch.start()

    def restart(self, environment: Mapping[str, str]) -> None:
        """Terminate the process; the next one gets these variables as well. Returns when that is started.

        A process that does not end is killed. Raises ``RuntimeError`` if no other was started.
        """
        self._environment = {**self._environment, **environment}
        for number in (signal.SIGTERM, signal.SIGKILL):
            if wait_for(partial(self._was_replaced, number), STOP_SECONDS):
                return
        raise RuntimeError(f"{self.name} was not restarted")

    def stop(self) -> None:
        """Terminate the process; kill what is left of it."""
        self._let_go.set()
        if self._watch.ident is not None:
            self._watch.join(STOP_SECONDS)
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        for group in self._groups:  # children of a killed parent
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        if process is not None:
            process.wait(STOP_SECONDS)

    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _was_replaced(self, number: signal.Signals) -> bool:
        """Whether the process has the present environment; sends the signal to one that has not."""
        if self._started_with is self._environment:
            return True
        send(self.pid, number)
        return False

    def _keep(self) -> None:
        while not self._let_go.is_set():
            if self._process is None or self._process.poll() is not None:
                environment = self._environment
                with self._log.open("ab") as output:
                    self._process = subprocess.Popen(
                        self._command,
                        cwd=ROOT,
                        env=environment,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
                self._started_with = environment
                self._groups.append(self._process.pid)
                self.starts += 1
            self._let_go.wait(CHECK_SECONDS)


class Cluster:
    """A PostgreSQL server that can be killed and restarted on the same data."""

    def __init__(self) -> None:
        """Raises ``RuntimeError`` if PostgreSQL is not installed."""
        binaries = find_binaries()
        if binaries is None:
            raise RuntimeError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="portal-storm-postgresql-"))
        self._as_server_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._as_server_user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self._folder, "postgres", "postgres")
        self._port = free_port()
        self.url = f"postgres://portal@127.0.0.1:{self._port}/postgres"
        initdb = ["--no-sync", "-A", "trust", "-U", "portal", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", self._data, *initdb)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    @property
    def pid(self) -> int:
        """The process id of the postmaster; 0 if it does not run."""
        with suppress(OSError, ValueError, IndexError):
            return int(Path(self._data, "postmaster.pid").read_text().split()[0])
        return 0

    def start(self) -> None:
        """Start the server; returns when it accepts connections."""
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
            # The data survive the end of every process, not a crash of the machine.
            " -c max_connections=200 -c fsync=off -c full_page_writes=off"
        )
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-l", log, "-o", options, "-w", "start")

    def crash(self) -> None:
        """End the server immediately: the next start recovers from its journal."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """Send SIGKILL to the postmaster; its children then end. Returns when the port is free."""
        pid = self.pid
        if not pid:
            return
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not _accepts(self._port) and not Path(f"/proc/{pid}").exists(), STOP_SECONDS)
        # The children of a killed server hold its shared memory until they notice its end.
        wait_for(lambda: not _shares(self._data), STOP_SECONDS)

    def stop(self) -> None:
        """Stop the server and delete its data."""
        with suppress(subprocess.CalledProcessError):
            self.crash()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        command = [*self._as_server_user, str(self._binaries / name), *arguments]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder
        )


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; returns whether the process exists. 0 means no process, and never a process group."""
    if pid <= 0:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def halt(pid: int) -> None:
    """Send SIGSTOP, and wait until no thread of the process runs any more.

    One thread takes the signal for all. On a busy machine the others continue until it is scheduled.
    """
    send(pid, signal.SIGSTOP)
    assert wait_for(lambda: _stands_still(pid), STOP_SECONDS), f"{pid} goes on"


def _stands_still(pid: int) -> bool:
    with suppress(OSError):  # the thread has ended meanwhile
        states = [
            stat.read_text().rpartition(") ")[2][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")
        ]
        return set(states) <= {"T"}
    return False


def _accepts(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def _shares(data: str) -> bool:
    """Whether the process works in that folder."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if str(link.readlink()) == data:
                return True
    return False
