"""Errors of calls to Sitecore CDP. The `outcome` of a class is whether the request may have taken effect."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

Outcome = Literal["not_sent", "rejected", "unknown"]


class ErrorCode(StrEnum):
    """The cause of an error. Each code belongs to one outcome and has a label for pages.

    An HTTP status without a code in this list has the code of :func:`http_code`.
    """

    # Outcome not_sent: no byte of the request was written.
    BUSY = "busy"  # all slots for calls of this process are in use
    NOT_CONFIGURED = "not_configured"  # base URL, credentials, certificate file or proxy missing or unusable
    BAD_REFERENCE = "bad_reference"  # a reference that cannot be put into a path
    DEADLINE_PASSED = "deadline_passed"  # the deadline passed before the first byte
    NAME_NOT_RESOLVED = "name_not_resolved"  # the host name has no address
    CONNECT_REFUSED = "connect_refused"  # nothing listens at that address
    CONNECT_TIMEOUT = "connect_timeout"  # connecting (addresses, proxy, TLS) took longer than its limit
    CONNECT_FAILED = "connect_failed"  # any other failure before the first byte
    PROXY_FAILED = "proxy_failed"  # the proxy could not be reached or refused the tunnel
    TLS_FAILED = "tls_failed"  # certificate or TLS handshake not accepted

    # Outcome rejected: the vendor refused with its own error body (`refusals.py`). Nothing was created.
    INVALID = "invalid"  # 400, 422: the values are not accepted; see `CdpError.field`
    UNAUTHORIZED = "unauthorized"  # 401: client key or API token not accepted
    FORBIDDEN = "forbidden"  # 403
    NOT_FOUND = "not_found"  # 404
    RATE_LIMITED = "rate_limited"  # 429; see `CdpError.retry_after`

    # Outcome unknown: bytes were written and no trustworthy answer was received.
    READ_TIMEOUT = "read_timeout"  # no byte for longer than the read limit
    TOTAL_TIMEOUT = "total_timeout"  # the whole call took longer than the total limit
    CONNECTION_LOST = "connection_lost"  # the connection ended before the answer did
    MALFORMED_ANSWER = "malformed_answer"  # an answer that cannot be parsed
    ANSWER_TOO_LARGE = "answer_too_large"  # an answer above the size limit
    LIST_TOO_LONG = "list_too_long"  # a list that does not end within the page limit
    UNRECOGNISED_REFUSAL = "unrecognised_refusal"  # a refusal without the vendor's own error body
    ANOTHER_RECORD = "another_record"  # the answer is about another record than the requested one
    ORDER_REFERENCE = "order_reference"  # a create was answered with the reference of the order
    ANOTHER_PERSON = "another_person"  # a create was answered with the data of another person
    TRANSPORT_FAULT = "transport_fault"  # an unexpected error in our own code after the first byte


def http_code(status: int) -> str:
    """The code of an HTTP status without a code of its own, such as ``http_503``."""
    return f"http_{status}"


class CdpError(Exception):
    """A call that failed or whose result is not known.

    All attributes are plain values, so that it can be pickled. `vendor_message` may quote the request, which
    is personal data: it is never part of `str()`, `repr()` or `args`. The vendor's `developerMessage` can
    contain the client key and is discarded.
    """

    outcome: ClassVar[Outcome] = "unknown"
    default_code: ClassVar[str] = ErrorCode.TRANSPORT_FAULT

    def __init__(
        self,
        code: str = "",
        *,
        http_status: int | None = None,
        field: str = "",
        vendor_message: str = "",
        retry_after: float | None = None,
        detail: str = "",
    ) -> None:
        """`retry_after`: seconds. `detail`: a sentence of ours for the text of the exception."""
        self.code = str(code or self.default_code)
        self.http_status = http_status
        self.field = field
        self.vendor_message = vendor_message
        self.retry_after = retry_after
        self.detail = detail
        super().__init__(self.code)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class CdpNotSent(CdpError):
    """No byte of the request was written: nothing can have been created."""

    outcome = "not_sent"


class CdpBusy(CdpNotSent):
    """All slots for calls of this process are in use."""

    default_code = ErrorCode.BUSY


class CdpNotConfigured(CdpNotSent, ValueError):
    """A setting is missing or unusable; `detail` names it. `setting`: its name, if the transport needs it."""

    default_code = ErrorCode.NOT_CONFIGURED

    def __init__(self, *, detail: str = "", setting: str = "") -> None:
        super().__init__(detail=detail)
        self.setting = setting


class CdpBadReference(CdpNotSent, ValueError):
    """A reference that cannot be put safely into a path."""

    default_code = ErrorCode.BAD_REFERENCE


class CdpUnreachable(CdpNotSent):
    """The vendor could not be reached, or not in time."""

    default_code = ErrorCode.CONNECT_FAILED


class CdpRejected(CdpError):
    """The vendor refused the request: nothing was created."""

    outcome = "rejected"


class CdpInvalid(CdpRejected):
    """The vendor does not accept the values. `field` is a JSON name of `NewConsumer`, or empty."""

    default_code = ErrorCode.INVALID


class CdpUnauthorized(CdpRejected):
    """The client key or the API token is not accepted. An administrator has to correct it."""

    default_code = ErrorCode.UNAUTHORIZED


class CdpNotFound(CdpRejected):
    """No such record in this organisation and region."""

    default_code = ErrorCode.NOT_FOUND


class CdpRateLimited(CdpRejected):
    """Too many requests. `retry_after`: seconds that the vendor asks to wait, or None."""

    default_code = ErrorCode.RATE_LIMITED


class CdpRefused(CdpRejected):
    """Refused for another reason: 403, 405, 413, 415."""

    default_code = ErrorCode.FORBIDDEN


class CdpUnknown(CdpError):
    """Bytes were written and no trustworthy answer was received: the request may have taken effect."""

    outcome = "unknown"


class CdpServerFault(CdpUnknown):
    """A status of 500 or above."""

    default_code = http_code(500)


class CdpMalformedAnswer(CdpUnknown):
    """An answer that cannot be parsed."""

    default_code = ErrorCode.MALFORMED_ANSWER


class CdpAnotherRecord(CdpMalformedAnswer):
    """The answer is about another record than the one that was requested or created."""

    default_code = ErrorCode.ANOTHER_RECORD


class CdpUnrecognisedRefusal(CdpUnknown):
    """A refusing status without the vendor's own error body: a firewall or proxy may have answered."""

    default_code = ErrorCode.UNRECOGNISED_REFUSAL


class CdpTimeout(CdpUnknown):
    """The answer was not received in time."""

    default_code = ErrorCode.READ_TIMEOUT


class CdpListUnfinished(CdpTimeout):
    """A list could not be read to its end in time: it is too long, or the answers are too slow."""

    default_code = ErrorCode.TOTAL_TIMEOUT


class CdpConnectionLost(CdpUnknown):
    """The connection ended before the answer did."""

    default_code = ErrorCode.CONNECTION_LOST


class CdpUnexpected(CdpUnknown):
    """A status that is not in the contract, or an unexpected error in our own code."""

    default_code = ErrorCode.TRANSPORT_FAULT
