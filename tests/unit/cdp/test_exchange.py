"""What an exception says about the attempt that it ended. The class and the outcome come from the attempt."""

from __future__ import annotations

import logging
import ssl

import pytest

from apps.cdp.attempt import Attempt, Limits, TooLateError
from apps.cdp.errors import (
    CdpConnectionLost,
    CdpError,
    CdpInvalid,
    CdpTimeout,
    CdpUnexpected,
    CdpUnreachable,
)
from apps.cdp.exchange import _chain, _log, failure_of
from apps.cdp.links import Path
from apps.cdp.transport import RawAnswer
from tests.support.cdp_clients import client_of


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


def interpret(raw: RawAnswer, *, expired: bool) -> object:
    """The JSON value of an answer, or the error that it means."""
    attempt = Attempt(Limits(connect=1, read=1, total=1))
    attempt.expired = expired
    return client_of("http://127.0.0.1:1")._wire()._interpret(raw, attempt, lambda payload: payload)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TooLateError("deadline_passed"), "deadline_passed"),
        (caused(NameResolutionError(), TimeoutError()), "name_not_resolved"),
        (TimeoutError(), "connect_timeout"),
        (caused(OSError(), ConnectTimeoutError()), "connect_timeout"),
        (caused(ProxyError(), ReadTimeoutError()), "connect_timeout"),
        (caused(ProxyError(), ConnectionRefusedError()), "proxy_failed"),
        (caused(ProxyError(), NameResolutionError()), "proxy_failed"),
        (caused(ProxyError(), ConnectTimeoutError()), "proxy_failed"),
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


@pytest.mark.parametrize("expired", [False, True])
def test_complete_answer_is_trusted_even_after_the_time_limit(expired: bool) -> None:
    refusal = RawAnswer(400, "", b'{"code": 400, "message": "firstName: no"}')
    assert interpret(RawAnswer(200, "", b'{"ref": "a"}'), expired=expired) == {"ref": "a"}
    with pytest.raises(CdpInvalid) as caught:
        interpret(refusal, expired=expired)
    assert (caught.value.code, caught.value.field) == ("invalid", "firstName")


@pytest.mark.parametrize("status", [200, 201, 400, 503])
@pytest.mark.parametrize("body", [None, b"", b'{"code": 400, "mess'])
def test_incomplete_answer_after_the_time_limit_is_a_timeout(status: int, body: bytes | None) -> None:
    with pytest.raises(CdpTimeout) as caught:
        interpret(RawAnswer(status, "", body), expired=True)
    assert (caught.value.code, caught.value.http_status) == ("total_timeout", status)


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
