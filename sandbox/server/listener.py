"""The listening socket: a thread per connection, TLS, connection faults, and refusing connections."""

import math
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from typing import Any

from sandbox.application import Sandbox
from sandbox.faults.catalogue import CONNECTION_FAULTS
from sandbox.server.handler import IDLE_SECONDS, Handler
from sandbox.server.script_runner import RESET_ON_CLOSE, ScriptRunner

LISTEN_QUEUE = 1024
STOP_SECONDS = 5.0
_RETRY_SECONDS = 0.1  # between attempts to reopen the port
_POLL_SECONDS = 1.0  # the longest single wait while connections are refused


class Listener(ThreadingHTTPServer):
    """Accepts connections and starts a thread for each. `connections` is their number.

    `certificates` has a TLS context for each certificate; `certificate` is the name of the normal one, empty
    for plain HTTP. Raises OSError if the port is in use.
    """

    request_queue_size = LISTEN_QUEUE
    daemon_threads = True
    sandbox: Sandbox
    base_url: str

    def __init__(
        self, address: tuple[str, int], certificate: str, certificates: Mapping[str, ssl.SSLContext]
    ) -> None:
        self.connections = 0
        self.stopping = threading.Event()
        self._certificate, self._certificates = certificate, certificates
        self._open: dict[socket.socket, str] = {}  # open connections and their faults
        self._open_changed = threading.Condition()
        self._port = threading.Condition()
        self._is_listening = True
        self._refuse_until: float | None = None  # monotonic time; None while connections are accepted
        self._ended = threading.Event()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up our host name, which can take seconds and is not needed.
        socketserver.TCPServer.server_bind(self)

    def run(self) -> None:
        """Accept connections until `stop`, except while they are refused.

        Only the thread that runs this method closes the socket. Other threads shut it down to wake this one.
        """
        try:
            while not self.stopping.is_set():
                if self._refuse_until is None:
                    self.handle_request()
                else:
                    self._wait_while_refusing()
        finally:
            self.server_close()
            self._ended.set()

    def refuse(self, seconds: float | None) -> None:
        """Close the port for `seconds`, or until `listen_again`. Open connections stay open.

        Connections in the queue are reset. After the return no client can connect.
        """
        with self._port:
            self._refuse_until = math.inf if seconds is None else time.monotonic() + seconds
            _shutdown(self.socket)
            self._port.wait_for(lambda: not self._is_listening, STOP_SECONDS)

    def listen_again(self) -> None:
        """Accept connections again on the same port. After the return clients can connect."""
        with self._port:
            if self._refuse_until is not None:
                self._refuse_until = 0
                self._port.notify_all()
                self._port.wait_for(lambda: self._is_listening, STOP_SECONDS)

    def stop(self) -> None:
        """Stop accepting, close the open connections, and wait for their threads to end."""
        with self._port:
            self.stopping.set()
            _shutdown(self.socket)
            self._port.notify_all()
        self._ended.wait(STOP_SECONDS)
        with self._open_changed:
            for connection in self._open:
                _shutdown(connection)
            self._open_changed.wait_for(lambda: not self._open, timeout=STOP_SECONDS)

    def _wait_while_refusing(self) -> None:
        with self._port:
            self.socket.close()
            self._is_listening = False
            self._port.notify_all()
            while self._refuse_until is not None and not self.stopping.is_set():
                left = self._refuse_until - time.monotonic()
                if left <= 0 and self._reopen_port():
                    self._refuse_until, self._is_listening = None, True
                    self._port.notify_all()
                else:
                    self._port.wait(min(left, _POLL_SECONDS) if left > 0 else _RETRY_SECONDS)

    def _reopen_port(self) -> bool:
        """Reopen the port. False if another process uses it meanwhile."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        try:
            self.server_bind()
            self.server_activate()
        except OSError:
            self.socket.close()
            return False
        return True

    # socketserver types a request as a socket or a datagram's pair; here it is always a socket.

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.connections += 1
        fault = self.sandbox.faults.take_for_connection()
        shown = CONNECTION_FAULTS[fault].certificate if fault else ""
        context = self._certificates.get(shown or self._certificate)
        if context is not None:
            # The connection's own thread does the handshake, because it may never end.
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._open_changed:
            self._open[connection] = fault
        return connection, address

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_changed:
                self._open.pop(request, None)
                self._open_changed.notify_all()

    def finish_request(self, request: Any, client_address: Any) -> None:
        fault = CONNECTION_FAULTS.get(self._open[request])
        if fault is not None and fault.script:
            ScriptRunner(request, self.stopping).run(fault.script)
            return
        if isinstance(request, ssl.SSLSocket):
            request.settimeout(IDLE_SECONDS)
            request.do_handshake()
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # A FIN before the RST would look like a normal close.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE)) == RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a closed connection. Any other error is ours and is printed."""
        if not self.stopping.is_set() and not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class ListenerV6(Listener):
    """A listener on an IPv6 address."""

    address_family = socket.AF_INET6


def listener_for(
    host: str, port: int, certificate: str, certificates: Mapping[str, ssl.SSLContext]
) -> Listener:
    """A listener on a loopback address of either family."""
    return (ListenerV6 if ":" in host else Listener)((host, port), certificate, certificates)


def _shutdown(connection: socket.socket) -> None:
    try:
        # The method of the TLS socket would remove the decryption while another thread reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return  # the client has closed it already
