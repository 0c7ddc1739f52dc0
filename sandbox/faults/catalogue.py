"""Faults: what goes wrong with a request or a connection, whether the work is done all the same, and what a
caller may conclude.

REQUEST_FAULTS and CONNECTION_FAULTS are the whole list; `fault_board.py` decides who gets which.
An answer that leaves the caller in doubt comes twice, before the work and after it. A definite refusal is
always before, a good answer always after: the sandbox never lies about what it has done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from apps.sandbox import spoiling
from apps.sandbox.answers import (
    Answer,
    as_html,
    as_json,
    error,
    field_problem,
    method_not_allowed,
    not_parsed,
    unauthorized,
)
from apps.sandbox.answers import unsupported_media_type as not_json
from apps.sandbox.fault_board import REFUSE, Armed, FaultBoard
from apps.sandbox.seed import FAULT_ORDERS
from apps.sandbox.spoiling import MEGABYTE, Scene, Spoil, always
from apps.sandbox.wire import Await, Close, Hold, Reset, Script, Send, Write

__all__ = [
    "CONNECTION_FAULTS",
    "FAULTS",
    "REFUSE",
    "REQUEST_FAULTS",
    "Armed",
    "ConnectionFault",
    "Fault",
    "FaultBoard",
    "Outcome",
]

HOLD_SECONDS = 120.0
SLOW_SECONDS = 3.0
DRIP_SECONDS = 0.5
RETRY_AFTER_SECONDS = 30

Outcome = Literal["not_sent", "rejected", "unknown", "created"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one request. `sees` is what the caller sees.

    `outcome` is what a caller of a create may conclude whose patience is longer than `SLOW_SECONDS` and
    shorter than `HOLD_SECONDS` (portal: section 5 of its design). `done` says whether the work is done.
    Where `spoils` is set the true answer is used, so that a refused request gets its refusal.
    A `late` one is done, but only after the pause. `seconds` is the length of a pause, if there is any.
    `makes` is the number of consumers that are made where it is done.
    """

    sees: str
    outcome: Outcome
    script: Spoil
    done: bool
    spoils: bool = False
    late: bool = False
    seconds: float = 0
    makes: int = 1


@dataclass(frozen=True, slots=True)
class ConnectionFault:
    """A fault of a whole connection, before its first request is read; so nothing is ever done.

    The outcome depends on the scheme: over TLS the handshake fails, so that no byte of a request is written;
    without it a caller cannot know how far its bytes went. `certificate` is shown in place of the good one.
    """

    sees: str
    over_tls: Outcome
    over_http: Outcome | None
    script: Script = ()
    certificate: str = ""

    def possible(self, tls: str) -> bool:
        """Whether a sandbox whose option `tls` is this can have the fault."""
        return bool(tls) or not self.certificate


def _refused(sees: str, answer: Answer | Spoil) -> Fault:
    script = always(answer) if isinstance(answer, Answer) else answer
    return Fault(sees, "rejected", script, done=False)


def _created(sees: str, script: Spoil, *, late: bool = False, seconds: float = 0) -> Fault:
    return Fault(sees, "created", script, done=True, spoils=True, late=late, seconds=seconds)


def _doubt(
    before: str, after: str, sees: str, script: Spoil, *, spoils: bool = False, seconds: float = 0
) -> dict[str, Fault]:
    return {
        after: Fault(sees, "unknown", script, done=True, spoils=spoils, seconds=seconds),
        before: Fault(sees, "unknown", script, done=False, spoils=spoils, seconds=seconds),
    }


def _both(name: str, sees: str, script: Spoil | Answer, *, seconds: float = 0) -> dict[str, Fault]:
    script = always(script) if isinstance(script, Answer) else script
    return _doubt(f"{name}_before", f"{name}_after", sees, script, seconds=seconds)


def _spoilt(name: str, sees: str, script: Spoil, *, seconds: float = 0) -> dict[str, Fault]:
    return _doubt(f"{name}_before", f"{name}_after", sees, script, spoils=True, seconds=seconds)


def _in_front(name: str, sees: str, page: Answer) -> dict[str, Fault]:
    """A page of a firewall or a gateway, before the work (by this name) and after it."""
    return _doubt(name, f"{name}_after", sees, always(page))


def _doubled(name: str, sees: str, script: Spoil) -> dict[str, Fault]:
    faults = _both(name, sees, script)
    return {one: replace(fault, makes=2) if fault.done else fault for one, fault in faults.items()}


def _too_many(retry_after: str = "") -> Answer:
    headers = (("Retry-After", retry_after),) if retry_after else ()
    return error(429, "Too many requests.", "The rate limit has been reached.", headers=headers)


def _too_many_until(_scene: Scene) -> Script:
    # By the clock of the machine, because it is the caller's clock that the date is compared with.
    moment = datetime.now(UTC) + timedelta(seconds=RETRY_AFTER_SECONDS)
    return (Send(_too_many(format_datetime(moment, usegmt=True))),)


_FORBIDDEN = error(403, "Access is denied.", "The client key has no access to this resource.")
_OF_A_GATEWAY = as_json(403, {"message": "Forbidden", "requestId": "7d6c3f10"})
_NOT_PARSED = not_parsed(7, 6)
_SERVER_ERROR = error(500, "Internal server error.", "An unexpected condition was met.")
_CONFLICT = error(409, "Conflict.", "The resource is being changed by another request.")
_SIGN_IN = as_html(200, "Sign in to the network")
_LONG = "x" * MEGABYTE
_REPEATED_REF = b'"ref": "00000000-0000-4000-8000-00000000000f"'

REQUEST_FAULTS: Mapping[str, Fault] = {
    # No answer, or none that is whole
    **_both("no_answer", "no answer, connection held", spoiling.hold, seconds=HOLD_SECONDS),
    **_both("reset", "connection reset, no answer", spoiling.reset),
    **_both("hang_up", "connection ended, no answer", spoiling.hang_up),
    **_both("bad_record", "a bad TLS record; without TLS bytes that are not HTTP", spoiling.bad_record),
    **_spoilt("reset_half_way", "connection reset in the middle of the body", spoiling.reset_half_way),
    **_spoilt("end_half_way", "`Content-Length` announces more than comes", spoiling.end_half_way),
    **_spoilt("drip_head", "headers byte by byte", spoiling.drip_head, seconds=DRIP_SECONDS),
    **_spoilt("drip_body", "body byte by byte", spoiling.drip_body, seconds=DRIP_SECONDS),
    **_both("103_alone", "103 and no final answer", spoiling.only_103),
    # Statuses that say neither yes nor no
    **_both("500", "500 in JSON", _SERVER_ERROR),
    **_both("500_html", "500 as an HTML page", as_html(500, "500 Internal Server Error")),
    **_both("500_long", "500 with a megabyte of message", error(500, _LONG, _LONG)),
    **_both("502_html", "502 as an HTML page", as_html(502, "502 Bad Gateway")),
    **_both("503_html", "503 as an HTML page", as_html(503, "503 Service Temporarily Unavailable")),
    **_both("504_html", "504 as an HTML page", as_html(504, "504 Gateway Time-out")),
    **_both("408_html", "408 as an HTML page", as_html(408, "408 Request Time-out")),
    **_doubt("409", "409_after", "409 in JSON", always(_CONFLICT)),
    **_both("301", "301 to another host", spoiling.redirect(301)),
    **_both("302", "302 to another host", spoiling.redirect(302)),
    **_both("303", "303 to another host", spoiling.redirect(303)),
    **_both("307", "307 to another host", spoiling.redirect(307)),
    **_both("308", "308 to another host", spoiling.redirect(308)),
    **_spoilt("202", "202 with the right body", spoiling.with_status(202)),
    **_both("204", "204", Answer(204)),
    # A success that cannot be believed
    **_doubt("no_ref_before", "no_ref", "success whose body has no `ref`", spoiling.without_ref, spoils=True),
    **_spoilt("null_ref", "success whose `ref` is null", spoiling.changed(ref=None)),
    **_doubt(
        "truncated_json_before",
        "truncated_json",
        "success whose JSON ends half-way; the HTTP answer itself is whole",
        spoiling.truncated,
        spoils=True,
    ),
    **_spoilt("empty_body", "success with an empty body", spoiling.body_of(b"")),
    **_spoilt("no_object", "success whose JSON is a list", spoiling.body_of(b'["ref"]')),
    **_both("200_html", "200 as an HTML page", _SIGN_IN),
    **_spoilt("duplicate_keys", "success that has `ref` twice", spoiling.prefixed(_REPEATED_REF)),
    **_spoilt("nan", "success with NaN in its JSON", spoiling.prefixed(b'"price": NaN')),
    **_spoilt("bad_utf8", "success that is not UTF-8", spoiling.prefixed(b'"note": "\xff\xfe"')),
    **_spoilt("broken_gzip", "success announced as gzip, which it is not", spoiling.broken_gzip),
    **_spoilt("broken_chunked", "success whose second chunk has no length", spoiling.broken_chunked),
    **_spoilt("another_consumer", "success about another person on the order", spoiling.about_another),
    **_spoilt("order_ref", "success whose `ref` is that of the order", spoiling.with_order_ref),
    # Pages that stand in front of the API: the same before the work and after it
    **_in_front("400_html", "400 as an HTML page", as_html(400, "400 Bad Request")),
    **_in_front("401_html", "401 as an HTML page", as_html(401, "401 Authorization Required")),
    **_in_front("403_html", "403 as an HTML page", as_html(403, "403 Forbidden")),
    **_in_front("403_gateway", "403 in JSON that is not the vendor's", _OF_A_GATEWAY),
    **_in_front("404_html", "404 as an HTML page", as_html(404, "404 Not Found")),
    **_in_front("413_html", "413 as an HTML page", as_html(413, "413 Request Entity Too Large")),
    **_in_front("429_html", "429 as an HTML page", as_html(429, "429 Too Many Requests")),
    # A refusal that nobody reads to its end
    **_in_front("400_long", "400 with a megabyte of message", error(400, _LONG, _LONG)),
    **_both("400_cut_head", "400 that ends within its headers", spoiling.cut_in_the_head(_NOT_PARSED)),
    # Two consumers for one request
    **_doubled("doubled_no_answer", "connection reset, no answer; two consumers if any", spoiling.reset),
    # Refusals
    "400_secrets": _refused("400 that quotes the credentials, plain and encoded", spoiling.quoting_secrets),
    "400_quoting": _refused("400 that quotes every value that was sent", spoiling.quoting_everything),
    "401": _refused("401 though the credentials are right", unauthorized()),
    "403": _refused("403 in JSON", _FORBIDDEN),
    "404": _refused("404 though the order exists", lambda scene: (Send(scene.call.no_such("Order")),)),
    "405": _refused("405 in JSON", method_not_allowed(("GET",))),
    "415": _refused("415 in JSON", not_json()),
    "422": _refused("422 for one field", field_problem("country: not a valid value.", 422)),
    "429": _refused(f"429 with `Retry-After: {RETRY_AFTER_SECONDS}`", _too_many(str(RETRY_AFTER_SECONDS))),
    "429_date": _refused(f"429 with a date in {RETRY_AFTER_SECONDS} s as `Retry-After`", _too_many_until),
    "429_plain": _refused("429 without `Retry-After`", _too_many()),
    # Unusual, but right
    "slow": _created(f"the right answer, {SLOW_SECONDS:g} seconds late", spoiling.late, seconds=SLOW_SECONDS),
    "late_work": _created(
        f"the same; the work is done only at the end of these {SLOW_SECONDS:g} seconds",
        lambda scene: (Send(scene.answer),),
        late=True,
        seconds=SLOW_SECONDS,
    ),
    "100_first": _created("100, then the right answer", spoiling.after_100),
    "102_first": _created("102, then the right answer", spoiling.after_interim(102)),
    "103_first": _created("103, then the right answer", spoiling.after_interim(103)),
    "known_ref": _created(
        "success whose `ref` is that of another consumer of the order, if there is one",
        spoiling.with_known_ref,
    ),
    "doubled": Fault(
        "the right answer; two consumers were made",
        "created",
        lambda scene: (Send(scene.answer),),
        done=True,
        spoils=True,
        makes=2,
    ),
    "secrets": _created("success whose fields and links quote the credentials", spoiling.with_secrets),
    "gzip": _created("the right answer, compressed", spoiling.gzipped),
    "chunked": _created("the right answer, in chunks", spoiling.chunked),
    "wrong_type": _created("the right answer, announced as `text/plain`", spoiling.typed("text/plain")),
    "null_links": _created(
        "success whose `order` and `guest` are null", spoiling.changed(order=None, guest=None)
    ),
    "alien_hrefs": _created(
        "success whose links lead to another host", spoiling.linking_to(spoiling.ELSEWHERE)
    ),
    "javascript_hrefs": _created(
        "success whose links begin with `javascript:`", spoiling.linking_to("javascript:alert(1)//")
    ),
}

# Those that have an order of their own.
FAULTS: Mapping[str, Fault] = {name: REQUEST_FAULTS[name] for name in FAULT_ORDERS}

# A connection that is cut at once may be lost for the client before or after it writes: wait until it has.
_FIRST_BYTE = Await(1.0)

CONNECTION_FAULTS: Mapping[str, ConnectionFault] = {
    REFUSE: ConnectionFault("nobody listens on the port", "not_sent", "not_sent"),
    "reset_on_accept": ConnectionFault(
        "connection reset, nothing read", "not_sent", "unknown", (_FIRST_BYTE, Reset())
    ),
    "hang_on_accept": ConnectionFault(
        "nothing read, nothing said; over TLS a handshake that hangs",
        "not_sent",
        "unknown",
        (Hold(HOLD_SECONDS),),
    ),
    "nonsense_on_accept": ConnectionFault(
        "bytes that are neither TLS nor HTTP",
        "not_sent",
        "unknown",
        (_FIRST_BYTE, Write(b"\x00nonsense\r\n", below_tls=True), Close()),
    ),
    "wrong_host": ConnectionFault(
        "a certificate for another host", "not_sent", None, certificate="wrong_host"
    ),
    "expired": ConnectionFault("an expired certificate", "not_sent", None, certificate="expired"),
    "self_signed": ConnectionFault("a self-signed certificate", "not_sent", None, certificate="self_signed"),
}
