"""Runs a script on a connection."""

import select
import socket
import struct
import threading
import time

from sandbox.faults.script import (
    Close,
    Deferred,
    Drip,
    Hold,
    Reset,
    Script,
    Send,
    Step,
    Wait,
    WaitForData,
    Write,
)

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 seconds: close sends RST
_POLL_SECONDS = 0.1  # interval for checking a held connection


class ScriptRunner:
    """Runs the steps of a script in order, and stops after the current step once `stopping` is set.

    `ended`: the connection must not be used for another request. `last`: the answer announces the end of the
    connection. `head`: bodies are left out.
    """

    def __init__(
        self, connection: socket.socket, stopping: threading.Event, *, last: bool = False, head: bool = False
    ) -> None:
        self.ended = last
        self._connection, self._stopping, self._head = connection, stopping, head
        self._last = last

    def run(self, script: Script) -> None:
        """Run all steps. Raises OSError if the client has closed the connection."""
        self._last = self._last or any(isinstance(step, Close) for step in script)
        for step in script:
            self._do(step)
            if self._stopping.is_set():
                self.ended = True
                return

    def _do(self, step: Step) -> None:
        match step:
            case Send(answer):
                self._connection.sendall(answer.to_bytes(close=self._last, head=self._head))
            case Write(data, _, below_tls):
                if below_tls:
                    # The method of the TLS socket would encrypt.
                    socket.socket.sendall(self._connection, data)
                else:
                    self._connection.sendall(data)
            case Drip(data, seconds):
                self._drip(data, seconds)
            case Wait(seconds):
                self._stopping.wait(seconds)
            case WaitForData(seconds):
                select.select([self._connection], [], [], seconds)
            case Hold(seconds):
                self._hold(seconds)
            case Deferred(script):
                self.run(script())
            case Close():
                self.ended = True
            case Reset():
                self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                self.ended = True

    def _drip(self, data: bytes, seconds: float) -> None:
        for number in data:
            if self._stopping.wait(seconds):
                return
            self._connection.sendall(bytes([number]))

    def _hold(self, seconds: float) -> None:
        # Reads below TLS and discards the data: only the end of the connection matters.
        end = time.monotonic() + seconds
        self._connection.settimeout(_POLL_SECONDS)
        while time.monotonic() < end and not self._stopping.is_set():
            try:
                if not socket.socket.recv(self._connection, 65_536):
                    return
            except TimeoutError:
                continue
            except OSError:
                return
