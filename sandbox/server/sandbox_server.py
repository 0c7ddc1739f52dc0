"""The sandbox as a server: start, stop, and its address."""

import threading
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from sandbox.application import Clock, Report, Sandbox, utc_now
from sandbox.options import (
    DEFAULT_IDENTITY_PROVIDERS,
    PRACTICE_API_TOKEN,
    PRACTICE_CLIENT_KEY,
    Options,
)
from sandbox.server import certificates
from sandbox.server.listener import STOP_SECONDS, Listener, listener_for

T = TypeVar("T")


class SandboxServer:
    """A running sandbox: `with SandboxServer(data=path) as server: ... server.base_url`.

    Port 0 selects a free port at the first start; later starts use the same port. `tls` names the certificate
    to present (`good`, `wrong_host`, `expired`, `self_signed`); a client then has to trust `ca_file`.
    Raises ValueError for an invalid option, such as a host that is not loopback.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        data: Path | str,
        client_key: str = PRACTICE_CLIENT_KEY,
        api_token: str = PRACTICE_API_TOKEN,
        create_status: int = 200,
        identity_providers: tuple[str, ...] = DEFAULT_IDENTITY_PROVIDERS,
        tls: str = "",
        clock: Clock = utc_now,
        report: Report | None = None,
    ) -> None:
        self._options = Options(
            host, port, Path(data), client_key, api_token, create_status, identity_providers, tls
        )
        self._clock, self._report = clock, report
        self._port = port
        self._sandbox: Sandbox | None = None
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def from_options(cls, options: Options, *, report: Report | None = None) -> "SandboxServer":
        """A server with these options."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(options)}, report=report)

    def start(self) -> "SandboxServer":
        """Open the data file, listen, and answer in background threads.

        Raises OSError if the port is in use or a file cannot be opened, sqlite3.Error if the data file is
        invalid, RuntimeError if the server runs already.
        """
        if self._listener is not None:
            raise RuntimeError("The sandbox is running already.")
        tls = self._options.tls
        shown = certificates.contexts(self._certificates) if tls else {}
        listener = listener_for(self._options.host, self._port, tls, shown)
        try:
            sandbox = Sandbox(self._options, clock=self._clock, report=self._report)
        except BaseException:
            listener.server_close()
            raise
        listener.sandbox, sandbox.faults.port = sandbox, listener
        self._port = listener.server_address[1]
        listener.base_url = self.base_url
        self._sandbox, self._listener = sandbox, listener
        self._thread = threading.Thread(target=listener.run, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, close all connections and the data file. Does nothing if not running."""
        if self._listener is None or self._sandbox is None or self._thread is None:
            return
        self._listener.stop()
        self._thread.join(STOP_SECONDS)
        self._sandbox.close()
        self._sandbox = self._listener = self._thread = None

    @property
    def base_url(self) -> str:
        """The address of the sandbox, after its first start."""
        scheme = "https" if self._options.tls else "http"
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        return f"{scheme}://{host}:{self._port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that a client has to trust. Raises RuntimeError for a sandbox without TLS."""
        if not self._options.tls:
            raise RuntimeError("The sandbox has no TLS.")
        return self._certificates / certificates.CA_FILE

    @property
    def connections(self) -> int:
        """The number of accepted connections since the start. Raises RuntimeError if stopped."""
        return self._running(self._listener).connections

    @property
    def sandbox(self) -> Sandbox:
        """The application of the server, for tests in this process. Raises RuntimeError if stopped."""
        return self._running(self._sandbox)

    @property
    def _certificates(self) -> Path:
        return certificates.folder_for(self._options.data)

    @staticmethod
    def _running(part: T | None) -> T:
        if part is None:
            raise RuntimeError("The sandbox is not running.")
        return part

    def __enter__(self) -> "SandboxServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
