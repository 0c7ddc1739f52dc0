"""Server processes on free loopback ports, stopped afterwards, and commands that run to completion."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
START_SECONDS = 90.0  # a bound for a busy machine; usually two
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server process and its port."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def workers(self) -> list[int]:
        """The ids of its child processes; empty after its end."""
        pid = self.process.pid
        with suppress(FileNotFoundError, ProcessLookupError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    @property
    def resident_bytes(self) -> int:
        """The resident memory of its workers together (bytes). Shared memory counts once for each."""
        return sum(_resident_bytes(pid) for pid in self.workers)

    @property
    def processor_seconds(self) -> float:
        """The processor time that it and its workers have used, in steps of ten milliseconds."""
        return sum(_processor_seconds(pid) for pid in (self.process.pid, *self.workers))


def run(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path, given: str = "", cwd: Path = ROOT
) -> str:
    """Run a project command with that standard input, in a checkout's folder; returns its standard output.

    Its standard error goes to the log. Raises ``RuntimeError`` with the end of that if it fails.
    """
    with log.open("a") as errors:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **environment},
            check=False,
            text=True,
            input=given,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{log.read_text()[-2000:]}")
    return done.stdout


@contextmanager
def serving(
    command: Sequence[str], *, port: int, environment: Mapping[str, str], log: Path, cwd: Path = ROOT
) -> Iterator[Server]:
    """Start the server in a checkout's folder and wait until it accepts connections.

    Raises ``RuntimeError`` if it does not.
    """
    with running(command, environment, log=log, cwd=cwd) as process:
        _wait_until_it_listens(process, port, log)
        yield Server(port, process)


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path, cwd: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a checkout's folder inside the block, with its output in the log."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **environment}, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-2000:]}")


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
