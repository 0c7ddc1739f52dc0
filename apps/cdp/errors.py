"""What can go wrong with a call to Sitecore CDP. Each class answers one question: was it done?

`code` says what happened, in words for programs; pages map it to words for people. Each code has one outcome:

========================  ==========================================================================
not_sent                  no byte of the request was written
========================  ==========================================================================
busy                      as many calls as this process makes at a time are under way
not_configured            base URL, credentials, certificate file or proxy are missing or unusable
bad_reference             a reference that cannot stand in an address (empty, dots, control characters)
deadline_passed           the deadline came before the first byte
name_not_resolved         the host name has no address
connect_refused           nobody listens at that address
connect_timeout           connecting (all addresses, proxy, TLS) took longer than its limit
connect_failed            any other failure before the first byte
proxy_failed              the proxy could not be reached or refused the tunnel
tls_failed                certificate or TLS handshake not accepted
========================  ==========================================================================

========================  ==========================================================================
rejected                  the vendor said no, in its own error shape (`refusals.py`); nothing was created
========================  ==========================================================================
invalid                   400, 422: what was sent is not accepted; see `field`
unauthorized              401: client key or API token not accepted
forbidden                 403
not_found                 404
rate_limited              429; `retry_after` in seconds, when the vendor names it
http_405, _413, _415      refused for another reason
========================  ==========================================================================

========================  ==========================================================================
unknown                   bytes were written and no trustworthy answer came back
========================  ==========================================================================
read_timeout              silence for longer than the read limit
total_timeout             the whole call took longer than the total limit
connection_lost           the connection ended before the answer did
malformed_answer          an answer that cannot be understood
answer_too_large          an answer above the size limit
list_too_long             a list that does not end within the page limit
http_<status>             any other status: 3xx, other 4xx, 5xx, 2xx other than 200 and 201
unrecognised_refusal      a status of the table of refusals, but not in the vendor's own error shape
another_record            a record was read, and the answer is about another one
order_reference           a create was answered with the reference of the order itself
another_person            a create was answered with the data of somebody else
transport_fault           a fault in our own stack after the first byte
========================  ==========================================================================
"""

from __future__ import annotations

from typing import ClassVar, Literal

Outcome = Literal["not_sent", "rejected", "unknown"]


class CdpError(Exception):
    """A call that did not end in a typed value.

    Plain attributes only, so it can be pickled. `vendor_message` may quote what was sent and is personal
    data: it is an attribute and never part of `str()`, `repr()` or `args`. The vendor's `developerMessage`
    can hold the client key and is not kept at all.
    """

    outcome: ClassVar[Outcome] = "unknown"
    default_code: ClassVar[str] = "transport_fault"

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
        """`retry_after` is in seconds; `detail` is our own sentence and goes into the text of the
        exception."""
        self.code = code or self.default_code
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
    """As many calls as this process makes at a time are under way."""

    default_code = "busy"


class CdpNotConfigured(CdpNotSent, ValueError):
    """A setting is missing or unusable; `detail` says which."""

    default_code = "not_configured"


class CdpBadReference(CdpNotSent, ValueError):
    """A reference that could change the path it is put into."""

    default_code = "bad_reference"


class CdpUnreachable(CdpNotSent):
    """The vendor could not be reached, or not in time."""

    default_code = "connect_failed"


class CdpRejected(CdpError):
    """The vendor refused the request: nothing was created."""

    outcome = "rejected"


class CdpInvalid(CdpRejected):
    """What was sent is not accepted. `field` is a JSON name of `NewConsumer`, or empty."""

    default_code = "invalid"


class CdpUnauthorized(CdpRejected):
    """The client key or the API token is not accepted: for an administrator, not for the person at the
    form."""

    default_code = "unauthorized"


class CdpNotFound(CdpRejected):
    """No such record in this organisation and region."""

    default_code = "not_found"


class CdpRateLimited(CdpRejected):
    """Too many requests. `retry_after` is the vendor's wish in seconds, if any."""

    default_code = "rate_limited"


class CdpRefused(CdpRejected):
    """Refused for another reason: 403, 405, 413, 415."""

    default_code = "forbidden"


class CdpUnknown(CdpError):
    """Bytes were written and no trustworthy answer came back: it may have been done."""

    outcome = "unknown"


class CdpServerFault(CdpUnknown):
    """A status of 500 or above."""

    default_code = "http_500"


class CdpMalformedAnswer(CdpUnknown):
    """An answer that cannot be understood."""

    default_code = "malformed_answer"


class CdpAnotherRecord(CdpMalformedAnswer):
    """The answer is about another record than the one that was read or created."""

    default_code = "another_record"


class CdpUnrecognisedRefusal(CdpUnknown):
    """A status that refuses, without the vendor's own error body: a firewall or proxy may have answered."""

    default_code = "unrecognised_refusal"


class CdpTimeout(CdpUnknown):
    """The answer did not come in time."""

    default_code = "read_timeout"


class CdpListUnfinished(CdpTimeout):
    """A list was answered, but not read to its end in its time: too much of it, or too slow."""

    default_code = "total_timeout"


class CdpConnectionLost(CdpUnknown):
    """The connection ended before the answer did."""

    default_code = "connection_lost"


class CdpUnexpected(CdpUnknown):
    """A status that the contract does not know."""

    default_code = "transport_fault"
