"""What an exception says about the attempt that it ended. The class and the outcome come from the attempt."""

from __future__ import annotations

import logging
import ssl

import pytest

from apps.cdp.attempt import Attempt, Limits, TooLateError
from apps.cdp.errors import CdpConnectionLost, CdpError, CdpTimeout, CdpUnexpected, CdpUnreachable
from apps.cdp.exchange import _chain, _log, failure_of
from apps.cdp.links import Path


class NameResolutionError(OSError):
    """As in urllib3, of which only the names are used."""


class ConnectTimeoutError(Exception):
    """As in urllib3."""


class ReadTimeoutError(Exception):
    """As in urllib3."""


class ProxyError(Exception):
    """As in urllib3."""


class HTTPError(Exception):
    """As in urllib3: the base of its exceptions."""


class ProtocolError(HTTPError):
    """As in urllib3."""


def caused(error: Exception, cause: Exception) -> Exception:
    """An exception with a cause."""
    error.__cause__ = cause
    return error


def failure(error: Exception, *, started: bool, expired: bool = False) -> CdpError:
    """The failure of an attempt that ended in an exception."""
    attempt = Attempt(Limits(connect=1, read=1, total=1))
    attempt.request_started, attempt.expired = started, expired
    return failure_of(error, attempt)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TooLateError("deadline_passed"), "deadline_passed"),
        (caused(NameResolutionError(), TimeoutError()), "name_not_resolved"),
        (TimeoutError(), "connect_timeout"),
        (caused(OSError(), ConnectTimeoutError()), "connect_timeout"),
        (caused(ProxyError(), ReadTimeoutError()), "connect_timeout"),
        (caused(ProxyError(), ConnectionRefusedError()), "proxy_failed"),
        (caused(OSError(), ConnectionRefusedError()), "connect_refused"),
        (caused(OSError(), ssl.SSLEOFError()), "tls_failed"),
        (ConnectionResetError(), "connect_failed"),
    ],
)
def test_cause_chooses_the_code_of_a_request_that_has_not_started(error: Exception, code: str) -> None:
    found = failure(error, started=False)
    assert (type(found), found.code) == (CdpUnreachable, code)


def test_time_limit_that_cuts_connecting_is_its_cause() -> None:
    assert failure(ConnectionResetError(), started=False, expired=True).code == "connect_timeout"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (TimeoutError(), CdpTimeout, "read_timeout"),
        (caused(OSError(), ReadTimeoutError()), CdpTimeout, "read_timeout"),
        (ConnectionResetError(), CdpConnectionLost, "connection_lost"),
        (caused(Exception(), ProtocolError()), CdpConnectionLost, "connection_lost"),
        (KeyError("ours"), CdpUnexpected, "transport_fault"),
    ],
)
def test_cause_chooses_the_code_of_a_request_that_has_started(
    error: Exception, kind: type[CdpError], code: str
) -> None:
    found = failure(error, started=True)
    assert (type(found), found.code) == (kind, code)
    found = failure(error, started=True, expired=True)
    assert (type(found), found.code) == (CdpTimeout, "total_timeout")


def test_every_cause_is_found_once() -> None:
    outer, inner, context = OSError(), ValueError(), KeyError()
    outer.__cause__ = outer.__context__ = inner
    inner.__context__ = context
    context.__cause__ = outer
    assert list(_chain(outer)) == [outer, inner, context]


def test_log_line_has_milliseconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "apps.cdp")
    path = Path.fill("/v2.1/orders/{order_ref}", order_ref="o1")
    _log("GET", path, status=None, seconds=2.0, failure=CdpTimeout(), cause="TimeoutError")
    (record,) = caplog.records
    assert record.getMessage() == (
        "cdp call method=GET path=/v2.1/orders/{order_ref} status=None duration_ms=2000 outcome=unknown "
        "code=read_timeout cause=TimeoutError"
    )
    assert vars(record)["cdp_duration_ms"] == 2000
