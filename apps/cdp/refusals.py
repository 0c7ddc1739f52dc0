"""Recognises answers that certainly refuse a request, by status and body (contract section 2).

A status alone proves nothing: a firewall or proxy can replace the answer to a successful create with its own
page. An answer is a refusal only if it has the vendor's error body. Otherwise the outcome is unknown.
"""

from __future__ import annotations

from http import HTTPStatus

from apps.cdp.answers import Fields, storable_message, subject_of_message
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

# The refusing statuses with their error and code. The vendor documents bodies for 400, 401 and 404. The
# others are not documented; we assume the same body for them.
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
# RFC 9110 renamed these. Which of their names Python lists depends on its version.
_RENAMED_STATUSES: dict[int, tuple[str, ...]] = {
    413: ("REQUEST_ENTITY_TOO_LARGE", "PAYLOAD_TOO_LARGE", "CONTENT_TOO_LARGE"),
    422: ("UNPROCESSABLE_ENTITY", "UNPROCESSABLE_CONTENT"),
}


def message_of_vendors_error(status: int, payload: object) -> str | None:
    """The message of the vendor's error body, to be stored; None if a body is not the vendor's.

    The vendor's is an object whose `code` is the status and `message` a text. `status` in the body may be
    absent, the number (also as text), or the standard name of the status, as in the vendor's 401. Other
    names, such as `moreInfoUrl`, are not needed to recognise it. The message may quote the request, which is
    personal data.
    """
    if not isinstance(payload, dict):
        return None
    fields = Fields(payload)
    code, message, stated = fields.value("code"), fields.value("message"), fields.value("status")
    if type(code) is not int or code != status or not isinstance(message, str):
        return None
    is_stated = stated is None or (type(stated) in (int, str) and stated in _names(status))
    return storable_message(message) if is_stated else None


def _names(status: int) -> tuple[int | str, ...]:
    standard = (known.name for known in HTTPStatus if known == status)
    return (status, str(status), *standard, *_RENAMED_STATUSES.get(status, ()))


def error_of_answer(status: int, payload: object, *, retry_after: float | None) -> CdpError:
    """The error for an answer with a status other than 200 and 201. In doubt, its outcome is unknown.

    `payload`: the body with credentials masked. `retry_after`: seconds.
    """
    message = message_of_vendors_error(status, payload)
    kind: type[CdpError]
    if status in REFUSALS and message is not None:
        kind, code = REFUSALS[status]
    elif status in REFUSALS:
        kind, code = CdpUnrecognisedRefusal, CdpUnrecognisedRefusal.default_code
    else:
        kind, code = (CdpServerFault if status >= 500 else CdpUnexpected), http_code(status)
    return kind(
        code,
        http_status=status,
        field=subject_of_message(message, frozenset(NAME_OF_VENDOR_NAME)).field
        if message and issubclass(kind, CdpInvalid)
        else "",
        vendor_message=message or "",
        retry_after=retry_after,
    )
