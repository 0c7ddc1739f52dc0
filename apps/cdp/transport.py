"""HTTP transport to Sitecore CDP. The only module that imports requests and urllib3.

Requests are passed to the adapter directly, without a `requests.Session`. So no cookies are stored, no
redirects are followed (a session would also read the whole body of a redirect), and no proxies, certificate
bundles or `.netrc` are read from the environment (`trust_env`).
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import http.client
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, DecodeError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from apps.cdp.attempt import Attempt
from apps.cdp.errors import CdpNotConfigured
from apps.cdp.links import BaseUrl
from apps.cdp.masking import Secrets

SWITCHING_PROTOCOLS = 101  # a final answer to this client, which asks for no other protocol

_CHUNK = 65_536  # bytes

# HIT may be a part, as in TCP_HIT. STALE and UPDATING (nginx, Cloudflare) are whole values: with fwd=stale
# (RFC 9211) the vendor answered.
_FROM_CACHE = re.compile(r"(?<![a-z])hit(?![a-z])|(?:^|,) *(?:stale|updating) *(?:,|$)")

_current: contextvars.ContextVar[Attempt] = contextvars.ContextVar("cdp_attempt")


class Credentials(AuthBase):
    """HTTP Basic with client key and API token (RFC 7617). Masked in `repr`."""

    def __init__(self, client_key: str, api_token: str) -> None:
        """Raises `CdpNotConfigured` when one of the two is missing."""
        if not client_key or not api_token:
            raise CdpNotConfigured(detail="CDP_CLIENT_KEY or CDP_API_TOKEN is empty")
        pair = base64.b64encode(f"{client_key}:{api_token}".encode()).decode("ascii")
        self._header = f"Basic {pair}"
        self.secrets = Secrets(client_key, api_token)

    def __repr__(self) -> str:
        return "Credentials(****)"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


@dataclass(frozen=True, slots=True, repr=False)
class RawAnswer:
    """An answer before parsing. `body` is None if it could not be decoded or was larger than allowed.

    `from_cache`: the headers show that a cache answered.
    """

    status: int
    retry_after: str
    body: bytes | None
    too_large: bool = False
    date: str = ""
    from_cache: bool = False


class _FinalResponse(http.client.HTTPResponse):
    """Skips every interim answer (RFC 9110, 15.2). `http.client` itself skips only 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in the stubs
            if not 100 < status < 200 or status == SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _WatchedConnection(HTTPConnection):
    """A connection that reports its socket and its first byte to the current attempt."""

    response_class = _FinalResponse
    _connecting = False
    _connect_by = 0.0  # time.monotonic

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        attempt = _current.get()
        if self.sock is None:
            if attempt.request_started:  # http.client would send the rest over another connection
                raise ConnectionAbortedError
            self.connect()
        attempt.watch_socket(self.sock)
        if not self._connecting:  # the CONNECT to a proxy is not the request
            attempt.before_write()
        super().send(data)

    def _new_conn(self) -> socket.socket:
        """Connect within one limit for all addresses; the remaining time is the limit for TLS.

        urllib3 itself applies the limit to each address separately.
        """
        seconds = float(self.timeout or 0)
        end = self._connect_by = time.monotonic() + seconds
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            raise NameResolutionError(self.host, self, socket.gaierror()) from None
        failure: Exception = NewConnectionError(self, "no address")
        for position, (*_, address) in enumerate(found):
            left = end - time.monotonic()
            if left <= 0:
                raise ConnectTimeoutError
            try:
                endpoint = (str(address[0]), int(address[1]))
                share = left / (len(found) - position)
                connection = create_connection(endpoint, share, socket_options=self.socket_options)
            except TimeoutError:
                failure = ConnectTimeoutError()
            except OSError as error:
                failure = NewConnectionError(self, type(error).__name__)
                failure.__cause__ = error
            else:
                connection.settimeout(max(end - time.monotonic(), 0.001))
                return connection
        raise failure

    def _tunnel(self) -> None:
        """Request the tunnel from the proxy within the connect limit, even if its answer arrives slowly.

        A socket's timeout applies to each read, so a proxy that sends single bytes would never exceed it.
        """
        with _current.get().cut_after(self._connect_by - time.monotonic()):
            super()._tunnel()
        if self.sock is not None:
            self.sock.settimeout(max(self._connect_by - time.monotonic(), 0.001))


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """`_WatchedConnection` over TLS. The handshake is part of connecting."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    """An adapter with watched connections, our TLS context, and no retries."""

    def __init__(self, tls: ssl.SSLContext, pool_size: int) -> None:
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._tls)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Only require a certificate: the TLS context has the authorities; requests would add its own."""
        conn.cert_reqs = "CERT_REQUIRED"


class Transport:
    """Sends requests to one base URL. One instance is shared by all threads of a process."""

    def __init__(
        self,
        *,
        base: BaseUrl,
        credentials: Credentials | None,
        max_answer_bytes: int,
        pool_size: int,
        ca_file: str,
        proxy: str,
        settings_prefix: str,
    ) -> None:
        """An empty `ca_file` means certifi's bundle; an empty `proxy` means none.

        Without `credentials` the requests have no Authorization header (web hooks of notices). The proxy is
        used only for https. Raises `CdpNotConfigured` for an unusable file or proxy, which names the setting:
        `settings_prefix` with `CA_FILE` or `PROXY`.
        """
        self.base = base
        self._credentials = credentials
        self.secrets = credentials.secrets if credentials else Secrets("", "")
        self._max_answer_bytes = max_answer_bytes
        self._tls = tls_context(ca_file, setting=f"{settings_prefix}CA_FILE")
        self._proxies = _proxies(proxy, setting=f"{settings_prefix}PROXY")
        self._pooled = _Adapter(self._tls, pool_size)

    def send(
        self,
        method: str,
        target: str,
        *,
        attempt: Attempt,
        headers: Mapping[str, str],
        body: bytes | None = None,
        fresh: bool,
        head_only: bool = False,
    ) -> RawAnswer:
        """Send a request once and read its answer. `target`: encoded path with query.

        `fresh`: use a new connection and close it afterwards. `head_only`: read no body. Raises any
        exception of requests and urllib3; only `attempt.request_started` shows whether anything was sent.
        """
        request = requests.Request(
            method, f"{self.base}{target}", headers=dict(headers), data=body, auth=self._credentials
        ).prepare()
        limits = attempt.limits
        adapter = _Adapter(self._tls, 1) if fresh else self._pooled
        with _watching(attempt), contextlib.ExitStack() as stack:
            if fresh:
                stack.callback(adapter.close)
            response = adapter.send(request, timeout=(limits.connect, limits.read), proxies=self._proxies)
            stack.callback(response.close)
            return self._read(response, head_only=head_only)

    def _read(self, response: requests.Response, *, head_only: bool) -> RawAnswer:
        """Read the answer, at most `max_answer_bytes` of its body."""
        headers = response.headers
        head = RawAnswer(
            response.status_code,
            headers.get("Retry-After", ""),
            None,
            date=headers.get("Date", ""),
            from_cache=_is_from_cache(headers),
        )
        if head_only:
            return head
        answer = bytearray()
        try:
            for chunk in response.raw.stream(_CHUNK, decode_content=True):
                answer += chunk
                if len(answer) > self._max_answer_bytes:
                    return replace(head, too_large=True)
        except DecodeError:
            return head
        return replace(head, body=bytes(answer))


def _is_from_cache(headers: Mapping[str, str]) -> bool:
    """Whether a cache answered.

    By `Age` (RFC 9111, 5.1), `Cache-Status` (RFC 9211) or a header like `X-Cache`, which has no standard.
    """
    return "Age" in headers or any(
        _FROM_CACHE.search(value.lower()) for name, value in headers.items() if _is_about_cache(name.lower())
    )


def _is_about_cache(name: str) -> bool:
    """Whether a header with this name says if a cache answered.

    Squid's `X-Cache-Lookup` does not: it is HIT also if the vendor answered because of `no-cache`.
    """
    named = name.startswith("x-cache") or name.endswith("-cache") or "cache-status" in name
    return named and name != "x-cache-lookup"


@contextlib.contextmanager
def _watching(attempt: Attempt) -> Iterator[None]:
    token = _current.set(attempt)
    try:
        with attempt:
            yield
    finally:
        _current.reset(token)


class _TlsSocket(ssl.SSLSocket):
    """Is closed if ``wrap_socket`` fails after it was made: CPython 3.11 leaves it open then.

    A socket with an established connection that nobody closed is still a ``ResourceWarning``.
    """

    def __del__(self) -> None:
        if self.version() is None:  # no connection was established
            self.close()


def tls_context(ca_file: str, *, setting: str) -> ssl.SSLContext:
    """A TLS context that trusts `ca_file`, or certifi's bundle if that is empty.

    Raises `CdpNotConfigured`, which names the setting, if the file cannot be read.
    """
    # Not ssl.create_default_context, which uses SSLKEYLOGFILE from the environment.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _TlsSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
    except OSError:
        raise CdpNotConfigured(setting=setting, detail=f"{setting} cannot be read as certificates") from None
    return context


def _proxies(proxy: str, *, setting: str) -> dict[str, str]:
    """The proxies as requests expects them. Raises `CdpNotConfigured` for an unusable address."""
    if not proxy:
        return {}
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme == "http" and parts.hostname and parts.port and parts.path in {"", "/"}
    except ValueError:
        usable = False
    if not usable:
        raise CdpNotConfigured(
            setting=setting, detail=f"{setting} is not an address such as http://host:port"
        )
    return {"https": proxy}


def _is_outside_call(_record: logging.LogRecord) -> bool:
    return _current.get(None) is None


# urllib3 logs whole addresses, which contain references and e-mail addresses.
for _name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_is_outside_call)
