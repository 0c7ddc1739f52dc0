"""The listening socket: threads for its connections, TLS on them, their faults, and refusing for a while."""

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

from apps.sandbox.application import Sandbox
from apps.sandbox.faults import CONNECTION_FAULTS
from apps.sandbox.handler import IDLE_SECONDS, Handler
from apps.sandbox.player import RESET_ON_CLOSE, Player

LISTEN_QUEUE = 1024
STOP_SECONDS = 5.0
_RETRY_SECONDS = 0.1  # between attempts to have the port again
_LOOK_SECONDS = 1.0  # the longest wait in a break


class Listener(ThreadingHTTPServer):
    """Accepts connections and gives each a thread. `connections` counts them.

    `certificates` has a TLS context for each certificate that can be shown, `certificate` names the usual
    one; empty means plain HTTP. Raises OSError where the port is taken.
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
        self._open: dict[socket.socket, str] = {}  # with the fault that each of them has
        self._open_changed = threading.Condition()
        self._port = threading.Condition()
        self._is_listening = True
        self._refuse_until: float | None = None  # by the monotonic clock; None while connections are taken
        self._ended = threading.Event()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for our name, which can take seconds and is of no use here.
        socketserver.TCPServer.server_bind(self)

    def run(self) -> None:
        """Accept connections until `stop`, with breaks while they are refused.

        Only the thread that runs this closes the socket; others shut it down to wake it.
        """
        try:
            while not self.stopping.is_set():
                if self._refuse_until is None:
                    self.handle_request()
                else:
                    self._take_a_break()
        finally:
            self.server_close()
            self._ended.set()

    def refuse(self, seconds: float | None) -> None:
        """Close the port, for some seconds or until `listen_again`. Connections that are open stay open.

        What waits in the queue is reset. When this returns nobody can connect.
        """
        with self._port:
            self._refuse_until = math.inf if seconds is None else time.monotonic() + seconds
            _shut(self.socket)
            self._port.wait_for(lambda: not self._is_listening, STOP_SECONDS)

    def listen_again(self) -> None:
        """Take connections again on the same port. When this returns everybody can connect."""
        with self._port:
            if self._refuse_until is not None:
                self._refuse_until = 0
                self._port.notify_all()
                self._port.wait_for(lambda: self._is_listening, STOP_SECONDS)

    def stop(self) -> None:
        """Stop accepting, cut the open connections, and wait a moment until their threads are gone."""
        with self._port:
            self.stopping.set()
            _shut(self.socket)
            self._port.notify_all()
        self._ended.wait(STOP_SECONDS)
        with self._open_changed:
            for connection in self._open:
                _shut(connection)
            self._open_changed.wait_for(lambda: not self._open, timeout=STOP_SECONDS)

    def _take_a_break(self) -> None:
        with self._port:
            self.socket.close()
            self._is_listening = False
            self._port.notify_all()
            while self._refuse_until is not None and not self.stopping.is_set():
                left = self._refuse_until - time.monotonic()
                if left <= 0 and self._has_the_port_again():
                    self._refuse_until, self._is_listening = None, True
                    self._port.notify_all()
                else:
                    self._port.wait(min(left, _LOOK_SECONDS) if left > 0 else _RETRY_SECONDS)

    def _has_the_port_again(self) -> bool:
        """Whether the port could be had: somebody else may have taken it meanwhile."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        try:
            self.server_bind()
            self.server_activate()
        except OSError:
            self.socket.close()
            return False
        return True

    # socketserver types a request as a socket or a datagram's pair; here it is always a socket

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.connections += 1
        fault = self.sandbox.faults.take_for_connection()
        shown = CONNECTION_FAULTS[fault].certificate if fault else ""
        context = self._certificates.get(shown or self._certificate)
        if context is not None:
            # The handshake is left to the connection's own thread: it may take for ever.
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
            Player(request, self.stopping).play(fault.script)
            return
        if isinstance(request, ssl.SSLSocket):
            request.settimeout(IDLE_SECONDS)
            request.do_handshake()
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # A FIN before the RST would make a reset look like an ordinary end.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE)) == RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent where the client went; anything else is a mistake of ours and is shown."""
        if not self.stopping.is_set() and not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class ListenerV6(Listener):
    """The same on an IPv6 address."""

    address_family = socket.AF_INET6


def listener_for(
    host: str, port: int, certificate: str, certificates: Mapping[str, ssl.SSLContext]
) -> Listener:
    """A listener on a loopback address of either family."""
    return (ListenerV6 if ":" in host else Listener)((host, port), certificate, certificates)


def _shut(connection: socket.socket) -> None:
    try:
        # The method of the TLS socket would drop its decryption under the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker
