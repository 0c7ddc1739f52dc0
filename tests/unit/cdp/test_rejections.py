"""The statuses of a rejection, and what is stored from their bodies."""

from __future__ import annotations

import datetime as dt
import pickle
import traceback

import pytest

from apps.cdp.errors import (
    CdpError,
    CdpInvalid,
    CdpNotFound,
    CdpRateLimited,
    CdpRefused,
    CdpUnauthorized,
)
from apps.cdp.refusals import message_of_vendors_error
from tests.support.cdp_clients import client_of, create, failed_create
from tests.support.scripted_servers import Serve, always, answer, once_then_close

NO = [
    (400, CdpInvalid, "invalid"),
    (401, CdpUnauthorized, "unauthorized"),
    (403, CdpRefused, "forbidden"),
    (404, CdpNotFound, "not_found"),
    (405, CdpRefused, "http_405"),
    (413, CdpRefused, "http_413"),
    (415, CdpRefused, "http_415"),
    (422, CdpInvalid, "invalid"),
    (429, CdpRateLimited, "rate_limited"),
]


def refusal(number: int, message: object = "no", **changes: object) -> dict[str, object]:
    """An error body in the vendor's format; a change to None removes a name."""
    body = {"status": number, "code": number, "message": message, "moreInfoUrl": "https://x", **changes}
    return {name: value for name, value in body.items() if value is not None}


@pytest.mark.parametrize(("status", "kind", "code"), NO)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": None, "moreInfoUrl": None},
        {"moreInfo": "https://support.sitecore.com", "developerMessage": "no"},
    ],
)
def test_refusal_in_the_vendors_format_is_a_rejection(
    serve: Serve, status: int, kind: type[CdpError], code: str, changes: dict[str, object]
) -> None:
    server = serve(always(answer(status, refusal(status, **changes))))
    error = failed_create(client_of(server.url))
    assert type(error) is kind
    assert (error.outcome, error.code, error.http_status) == ("rejected", code, status)
    assert error.vendor_message == "no"
    assert (server.connections, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("status_text", ["UNAUTHORIZED", "401", 401])
def test_status_of_the_401_may_be_a_word(serve: Serve, status_text: object) -> None:
    server = serve(always(answer(401, refusal(401, status=status_text))))
    assert failed_create(client_of(server.url)).code == "unauthorized"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (413, "REQUEST_ENTITY_TOO_LARGE"),
        (413, "PAYLOAD_TOO_LARGE"),
        (413, "CONTENT_TOO_LARGE"),
        (422, "UNPROCESSABLE_ENTITY"),
        (422, "UNPROCESSABLE_CONTENT"),
    ],
)
def test_former_and_present_names_of_a_status_are_recognised_by_each_python(status: int, name: str) -> None:
    assert message_of_vendors_error(status, refusal(status, status=name)) == "no"


@pytest.mark.parametrize(("stated", "message"), [(599, "no"), ("599", "no"), ("", None), ("OK", None)])
def test_error_body_of_a_status_without_a_standard_name_is_recognised(
    stated: object, message: str | None
) -> None:
    assert message_of_vendors_error(599, refusal(599, status=stated)) == message


def test_member_names_of_a_refusal_may_be_in_another_case(serve: Serve) -> None:
    server = serve(always(answer(403, {"Status": "FORBIDDEN", "CODE": 403, "Message": "no"})))
    assert failed_create(client_of(server.url)).code == "forbidden"


@pytest.mark.parametrize("status", [status for status, _kind, _code in NO])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>No</html>",
        b'{"message": "Forbidden"}',
        b'{"status": "NO", "message": "no"}',
        b'{"code": "%d", "message": "no"}',
        b'{"code": %d.0, "message": "no"}',
        b'{"code": true, "message": "no"}',
        b'{"code": %d, "message": null}',
        b'{"code": %d}',
        b'{"code": 200, "message": "no"}',
        b'{"status": 500, "code": %d, "message": "no"}',
        b'{"status": "OK", "code": %d, "message": "no"}',
        b'{"error": {"code": %d, "message": "no"}}',
        b'[{"code": %d, "message": "no"}]',
        b'"no"',
        b"[1]",
        b"\xff",
        b'{"status": %d, "code": %d, "message": "n',
    ],
)
def test_any_other_refusal_is_unknown_because_the_create_may_be_done(
    serve: Serve, status: int, raw: bytes
) -> None:
    server = serve(always(answer(status, raw=raw.replace(b"%d", b"%d" % status))))
    error = failed_create(client_of(server.url))
    assert (error.outcome, error.code, error.http_status) == ("unknown", "unrecognised_refusal", status)
    assert error.vendor_message == ""
    assert (server.connections, len(server.requests)) == (1, 1)


def test_refusal_too_large_to_read_is_unknown(serve: Serve) -> None:
    server = serve(always(answer(413, raw=b"x" * 300_000)))
    assert failed_create(client_of(server.url)).outcome == "unknown"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Le",
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n",
        b'HTTP/1.1 400 Bad Request\r\nX: y\r\n{"status": 400, "code": 400, "message": "no"}',
    ],
)
def test_truncated_header_section_of_a_400_is_no_rejection(serve: Serve, head: bytes) -> None:
    server = serve(once_then_close(head))
    assert failed_create(client_of(server.url)).outcome == "unknown"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("firstName: may not be null.", "firstName"),
        ("emails[0]: not a valid value", "emails"),
        ("identifiers[2].provider: may not be null", "identifiers"),
        ("dateOfBirth: must be in the past", "dateOfBirth"),
        ("passportNumber : odd", "passportNumber"),
        ("country: not a country: XX", "country"),
        ("guestType: not a valid value", ""),
        ("Unable to parse JSON string", ""),
        ("firstName", ""),
        ("firstname: other case", ""),
        ("the firstName: in a sentence", ""),
        (": nothing", ""),
    ],
)
def test_field_is_the_known_name_before_the_first_colon(serve: Serve, message: str, field: str) -> None:
    server = serve(always(answer(400, {"status": 400, "code": 400, "message": message})))
    error = failed_create(client_of(server.url))
    assert (error.field, error.vendor_message) == (field, message)


@pytest.mark.parametrize(
    ("status", "field"),
    [(400, "firstName"), (422, "firstName"), (403, ""), (404, ""), (409, ""), (500, "")],
)
def test_only_the_refusal_of_values_is_about_a_field(serve: Serve, status: int, field: str) -> None:
    server = serve(always(answer(status, refusal(status, "firstName: odd"))))
    error = failed_create(client_of(server.url))
    assert (error.field, error.vendor_message) == (field, "firstName: odd")


@pytest.mark.parametrize("message", [None, 17, ["a"], {"a": "b"}])
def test_message_that_is_no_text_is_omitted(serve: Serve, message: object) -> None:
    server = serve(always(answer(400, refusal(400, message))))
    assert failed_create(client_of(server.url)).vendor_message == ""


def test_message_can_be_stored(serve: Serve) -> None:
    start = b'{"status": 400, "code": 400, "message": "emails'
    server = serve(always(answer(400, raw=start + b": \\u0000bad\\ud800 " + b"x" * 5_000 + b'"}')))
    error = failed_create(client_of(server.url))
    assert error.field == "emails"
    assert error.vendor_message.startswith("emails: bad x")
    assert len(error.vendor_message.encode()) <= 1_000


def test_vendors_message_is_in_no_text_of_the_error(serve: Serve) -> None:
    body = refusal(
        400,
        "passportNumber: PASSPORT-MARKER is taken",
        developerMessage="for client key CLIENT-KEY-MARKER",
    )
    server = serve(always(answer(400, body)))
    error = failed_create(client_of(server.url))
    assert error.vendor_message == body["message"]
    texts = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(error.args)
    assert "MARKER" not in texts
    assert "CLIENT-KEY-MARKER" not in repr(vars(error))


def test_error_survives_pickling(serve: Serve) -> None:
    error = CdpInvalid(http_status=400, field="emails", vendor_message="emails: no", retry_after=2.5)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is CdpInvalid
    assert vars(copy) == vars(error)
    assert (copy.code, copy.outcome) == ("invalid", "rejected")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 01 Jan 2025 00:00:30 GMT", 30.0),
        ("Wed, 01 Jan 2025 00:00:30 -0000", 30.0),
        ("Wed, 01 Jan 2025 01:00:30 +0100", 30.0),
        ("Tue, 31 Dec 2024 23:00:00 GMT", 0.0),
        ("86400", 86_400.0),
        ("86401", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("999999999", None),
        ("9" * 400, None),
        ("\u00b2", None),
        ("Wed, 99 Jan 2025 00:00:30 GMT", None),
    ],
)
def test_retry_after_is_in_seconds(serve: Serve, header: str, seconds: float | None) -> None:
    server = serve(always(answer(429, refusal(429), headers={"Retry-After": header})))
    now = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    error = failed_create(client_of(server.url, clock=lambda: now), deadline=now + dt.timedelta(seconds=1))
    assert isinstance(error, CdpRateLimited)
    assert error.retry_after == seconds


def test_create_is_accepted_with_200_and_201(serve: Serve) -> None:
    for status in (200, 201):
        server = serve(
            always(answer(status, {"ref": "A-1", "order": None, "guest": None, "dateOfBirth": "?"}))
        )
        creation = create(client_of(server.url))
        assert (creation.http_status, creation.consumer.ref, creation.consumer.guest_ref) == (
            status,
            "A-1",
            "",
        )
        assert creation.consumer.date_of_birth is None
