"""Which answers refuse a request for certain: the vendor's own, by status and body (contract section 2).

A status alone proves nothing: a firewall or proxy can replace the answer to a finished create by a page of
its own. A refusal counts only in the vendor's own error shape. Everything else is unknown.
"""

from __future__ import annotations

from http import HTTPStatus

from apps.cdp.answers import Fields, field_in_message
from apps.cdp.errors import (
    CdpError,
    CdpInvalid,
    CdpNotFound,
    CdpRateLimited,
    CdpRefused,
    CdpRejected,
    CdpServerFault,
    CdpUnauthorized,
    CdpUnexpected,
    CdpUnrecognisedRefusal,
    ErrorCode,
    http_code,
)
from apps.cdp.fields import NAME_OF_VENDOR_NAME

# The statuses that say no, each with its error and code. Documented with a body by the vendor: 400, 401, 404.
# The others are documented nowhere; where they come from the vendor, they come in the same shape.
REFUSALS: dict[int, tuple[type[CdpRejected], str]] = {
    400: (CdpInvalid, ErrorCode.INVALID),
    401: (CdpUnauthorized, ErrorCode.UNAUTHORIZED),
    403: (CdpRefused, ErrorCode.FORBIDDEN),
    404: (CdpNotFound, ErrorCode.NOT_FOUND),
    405: (CdpRefused, "http_405"),
    413: (CdpRefused, "http_413"),
    415: (CdpRefused, "http_415"),
    422: (CdpInvalid, ErrorCode.INVALID),
    429: (CdpRateLimited, ErrorCode.RATE_LIMITED),
}

# The vendor's documented exceptions to "`status` and `code` are the number". Neither `moreInfoUrl` (in v2
# `moreInfo`) nor `developerMessage` (absent in the 401) is needed to recognise the vendor.
EXCEPTIONS: dict[int, str] = {
    401: "UNAUTHORIZED",  # `status` is this word, `code` the number
}


def is_vendors_error(status: int, payload: object) -> bool:
    """Whether an error body is the vendor's own: an object whose `code` is the status and `message` a text.

    `status` in the body, where there is one, must not contradict: the number, as a number or a text, the word
    of `EXCEPTIONS`, or the standard name of the status, which is how that word is formed.
    """
    if not isinstance(payload, dict):
        return False
    fields = Fields(payload)
    code, message, said = fields.value("code"), fields.value("message"), fields.value("status")
    if type(code) is not int or code != status or not isinstance(message, str):
        return False
    return said is None or (type(said) in (int, str) and said in _names(status))


def _names(status: int) -> tuple[int | str, ...]:
    standard = next((known.name for known in HTTPStatus if known == status), "")
    return (status, str(status), *filter(None, (EXCEPTIONS.get(status), standard)))


def error_of_answer(
    status: int, payload: object, *, message: str = "", retry_after: float | None = None
) -> CdpError:
    """The error that an answer with a status other than 200 and 201 stands for. When in doubt, unknown.

    `message` is the vendor's message as it may be stored; one of somebody else is not kept.
    """
    recognised = is_vendors_error(status, payload)
    kind: type[CdpError]
    if status in REFUSALS and recognised:
        kind, code = REFUSALS[status]
    elif status in REFUSALS:
        kind, code = CdpUnrecognisedRefusal, CdpUnrecognisedRefusal.default_code
    else:
        kind, code = (CdpServerFault if status >= 500 else CdpUnexpected), http_code(status)
    message = message if recognised else ""
    return kind(
        code,
        http_status=status,
        field=field_in_message(message, frozenset(NAME_OF_VENDOR_NAME))
        if issubclass(kind, CdpInvalid)
        else "",
        vendor_message=message,
        retry_after=retry_after,
    )
