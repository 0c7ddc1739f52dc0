"""All faults: REQUEST_FAULTS and CONNECTION_FAULTS.

An ambiguous answer exists twice, before the work and after it. A definite rejection always comes before the
work, a correct answer always after it: the sandbox's definite answers are always true.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from sandbox.api.answers import (
    Answer,
    as_html,
    as_json,
    error,
    field_problem,
    method_not_allowed,
    not_parsed,
    unauthorized,
)
from sandbox.api.answers import unsupported_media_type as not_json
from sandbox.faults import body_damage, damage
from sandbox.faults.armed import REFUSE
from sandbox.faults.damage import MEGABYTE, BuildScript, FaultContext, always
from sandbox.faults.kinds import ConnectionFault, Fault
from sandbox.faults.script import Close, Hold, Reset, Script, Send, WaitForData, Write

HOLD_SECONDS = 120.0
SLOW_SECONDS = 3.0
DRIP_SECONDS = 0.5
RETRY_AFTER_SECONDS = 30


def _rejected(description: str, answer: Answer | BuildScript) -> Fault:
    script = always(answer) if isinstance(answer, Answer) else answer
    return Fault(description, "rejected", script, done=False)


def _created(description: str, script: BuildScript, *, late: bool = False, seconds: float = 0) -> Fault:
    return Fault(description, "created", script, done=True, uses_answer=True, late=late, seconds=seconds)


def _ambiguous(
    before: str,
    after: str,
    description: str,
    script: BuildScript,
    *,
    uses_answer: bool = False,
    seconds: float = 0,
) -> dict[str, Fault]:
    return {
        after: Fault(description, "unknown", script, done=True, uses_answer=uses_answer, seconds=seconds),
        before: Fault(description, "unknown", script, done=False, uses_answer=uses_answer, seconds=seconds),
    }


def _before_and_after(
    name: str, description: str, script: BuildScript | Answer, *, seconds: float = 0
) -> dict[str, Fault]:
    script = always(script) if isinstance(script, Answer) else script
    return _ambiguous(f"{name}_before", f"{name}_after", description, script, seconds=seconds)


def _damaged(name: str, description: str, script: BuildScript, *, seconds: float = 0) -> dict[str, Fault]:
    return _ambiguous(
        f"{name}_before", f"{name}_after", description, script, uses_answer=True, seconds=seconds
    )


def _from_gateway(name: str, description: str, page: Answer) -> dict[str, Fault]:
    """A page of a firewall or a gateway, before the work (under this name) and after it."""
    return _ambiguous(name, f"{name}_after", description, always(page))


def _doubled(name: str, description: str, script: BuildScript) -> dict[str, Fault]:
    faults = _before_and_after(name, description, script)
    return {one: replace(fault, makes=2) if fault.done else fault for one, fault in faults.items()}


def _too_many(retry_after: str = "") -> Answer:
    headers = (("Retry-After", retry_after),) if retry_after else ()
    return error(429, "Too many requests.", "The rate limit has been reached.", headers=headers)


def _too_many_with_date(_context: FaultContext) -> Script:
    # The machine's clock, not the sandbox's, because the caller compares the date with its own clock.
    moment = datetime.now(UTC) + timedelta(seconds=RETRY_AFTER_SECONDS)
    return (Send(_too_many(format_datetime(moment, usegmt=True))),)


_FORBIDDEN = error(403, "Access is denied.", "The client key has no access to this resource.")
_GATEWAY_ANSWER = as_json(403, {"message": "Forbidden", "requestId": "7d6c3f10"})
_NOT_PARSED = not_parsed(7, 6)
_SERVER_ERROR = error(500, "Internal server error.", "An unexpected condition was met.")
_CONFLICT = error(409, "Conflict.", "The resource is being changed by another request.")
_SIGN_IN = as_html(200, "Sign in to the network")
_LONG = "x" * MEGABYTE
_OTHER_REF = b'"00000000-0000-4000-8000-00000000000f"'

REQUEST_FAULTS: Mapping[str, Fault] = {
    # No answer, or an incomplete one
    **_before_and_after("no_answer", "no answer, connection held", damage.hold, seconds=HOLD_SECONDS),
    **_before_and_after("reset", "connection reset, no answer", damage.reset),
    **_before_and_after("hang_up", "connection ended, no answer", damage.hang_up),
    **_before_and_after(
        "bad_record", "a bad TLS record; without TLS bytes that are not HTTP", damage.bad_record
    ),
    **_damaged("reset_half_way", "connection reset in the middle of the body", damage.reset_half_way),
    **_damaged("end_half_way", "body shorter than its `Content-Length`", damage.end_half_way),
    **_damaged("drip_head", "headers byte by byte", damage.drip_head, seconds=DRIP_SECONDS),
    **_damaged("drip_body", "body byte by byte", damage.drip_body, seconds=DRIP_SECONDS),
    **_before_and_after("103_alone", "103 and no final answer", damage.only_103),
    # Statuses that do not show whether the work was done
    **_before_and_after("500", "500 in JSON", _SERVER_ERROR),
    **_before_and_after("500_html", "500 as an HTML page", as_html(500, "500 Internal Server Error")),
    **_before_and_after("500_long", "500 with a megabyte of message", error(500, _LONG, _LONG)),
    **_before_and_after("502_html", "502 as an HTML page", as_html(502, "502 Bad Gateway")),
    **_before_and_after(
        "503_html", "503 as an HTML page", as_html(503, "503 Service Temporarily Unavailable")
    ),
    **_before_and_after("504_html", "504 as an HTML page", as_html(504, "504 Gateway Time-out")),
    **_before_and_after("408_html", "408 as an HTML page", as_html(408, "408 Request Time-out")),
    **_ambiguous("409", "409_after", "409 in JSON", always(_CONFLICT)),
    **_before_and_after("301", "301 to another host", damage.redirect(301)),
    **_before_and_after("302", "302 to another host", damage.redirect(302)),
    **_before_and_after("303", "303 to another host", damage.redirect(303)),
    **_before_and_after("307", "307 to another host", damage.redirect(307)),
    **_before_and_after("308", "308 to another host", damage.redirect(308)),
    **_damaged("202", "202 with the right body", damage.with_status(202)),
    **_before_and_after("204", "204", Answer(204)),
    # A success that is not credible
    **_ambiguous(
        "no_ref_before",
        "no_ref",
        "success whose body has no `ref`",
        body_damage.without_ref,
        uses_answer=True,
    ),
    **_damaged("null_ref", "success whose `ref` is null", body_damage.changed(ref=None)),
    **_ambiguous(
        "truncated_json_before",
        "truncated_json",
        "success whose JSON is cut; the HTTP answer is complete",
        body_damage.truncated,
        uses_answer=True,
    ),
    **_damaged("empty_body", "success with an empty body", body_damage.body_of(b"")),
    **_damaged("no_object", "success whose JSON is a list", body_damage.body_of(b'["ref"]')),
    **_before_and_after("200_html", "200 as an HTML page", _SIGN_IN),
    **_damaged("duplicate_keys", "success that has `ref` twice", body_damage.prefixed("ref", _OTHER_REF)),
    **_damaged("nan", "success with NaN in its JSON", body_damage.prefixed("price", b"NaN")),
    **_damaged("bad_utf8", "success that is not UTF-8", body_damage.prefixed("note", b'"\xff\xfe"')),
    **_damaged("broken_gzip", "success declared as gzip that is not gzip", damage.broken_gzip),
    **_damaged("broken_chunked", "success whose second chunk has no length", damage.broken_chunked),
    **_damaged(
        "another_consumer", "success about another person on the order", body_damage.with_other_person
    ),
    **_damaged("order_ref", "success whose `ref` is that of the order", body_damage.with_order_ref),
    # Pages from something in front of the API: the same before the work and after it
    **_from_gateway("400_html", "400 as an HTML page", as_html(400, "400 Bad Request")),
    **_from_gateway("401_html", "401 as an HTML page", as_html(401, "401 Authorization Required")),
    **_from_gateway("403_html", "403 as an HTML page", as_html(403, "403 Forbidden")),
    **_from_gateway("403_gateway", "403 in JSON that is not the vendor's", _GATEWAY_ANSWER),
    **_from_gateway("404_html", "404 as an HTML page", as_html(404, "404 Not Found")),
    **_from_gateway("413_html", "413 as an HTML page", as_html(413, "413 Request Entity Too Large")),
    **_from_gateway("429_html", "429 as an HTML page", as_html(429, "429 Too Many Requests")),
    # A rejection that cannot be read completely
    **_from_gateway("400_long", "400 with a megabyte of message", error(400, _LONG, _LONG)),
    **_before_and_after(
        "400_cut_head", "400 that ends within its headers", damage.cut_in_the_head(_NOT_PARSED)
    ),
    # Two consumers for one request
    **_doubled("doubled_no_answer", "connection reset, no answer; two consumers if any", damage.reset),
    # Rejections
    "400_secrets": _rejected(
        "400 that quotes the credentials, plain and encoded", body_damage.quoting_secrets
    ),
    "400_quoting": _rejected("400 that quotes every value that was sent", body_damage.quoting_all_values),
    "401": _rejected("401 though the credentials are right", unauthorized()),
    "403": _rejected("403 in JSON", _FORBIDDEN),
    "404": _rejected(
        "404 though the order exists", lambda context: (Send(context.call.not_found_answer("Order")),)
    ),
    "405": _rejected("405 in JSON", method_not_allowed(("GET",))),
    "415": _rejected("415 in JSON", not_json()),
    "422": _rejected("422 for one field", field_problem("country: not a valid value.", 422)),
    "429": _rejected(f"429 with `Retry-After: {RETRY_AFTER_SECONDS}`", _too_many(str(RETRY_AFTER_SECONDS))),
    "429_date": _rejected(
        f"429 with a date in {RETRY_AFTER_SECONDS} s as `Retry-After`", _too_many_with_date
    ),
    "429_plain": _rejected("429 without `Retry-After`", _too_many()),
    # Unusual but correct answers
    "slow": _created(f"the right answer, {SLOW_SECONDS:g} seconds late", damage.late, seconds=SLOW_SECONDS),
    "late_work": _created(
        f"the same; the work is done only at the end of these {SLOW_SECONDS:g} seconds",
        lambda context: (Send(context.answer),),
        late=True,
        seconds=SLOW_SECONDS,
    ),
    "100_first": _created("100, then the right answer", damage.after_100),
    "102_first": _created("102, then the right answer", damage.after_interim(102)),
    "103_first": _created("103, then the right answer", damage.after_interim(103)),
    "known_ref": _created(
        "success whose `ref` is that of another consumer of the order, if there is one",
        body_damage.with_known_ref,
    ),
    "doubled": Fault(
        "the right answer; two consumers were made",
        "created",
        lambda context: (Send(context.answer),),
        done=True,
        uses_answer=True,
        makes=2,
    ),
    "secrets": _created("success whose fields and links quote the credentials", body_damage.with_secrets),
    "gzip": _created("the right answer, compressed", damage.gzipped),
    "chunked": _created("the right answer, in chunks", damage.chunked),
    "wrong_type": _created("the right answer, declared as `text/plain`", body_damage.typed("text/plain")),
    "null_links": _created(
        "success whose `order` and `guest` are null", body_damage.changed(order=None, guest=None)
    ),
    "alien_hrefs": _created(
        "success whose links lead to another host", body_damage.linking_to(damage.ELSEWHERE)
    ),
    "javascript_hrefs": _created(
        "success whose links begin with `javascript:`", body_damage.linking_to("javascript:alert(1)//")
    ),
}

# An immediate cut could reach the client before or after it writes. So wait until it has written.
_FIRST_BYTE = WaitForData(1.0)

CONNECTION_FAULTS: Mapping[str, ConnectionFault] = {
    REFUSE: ConnectionFault("the port is closed", "not_sent"),
    "reset_on_accept": ConnectionFault("connection reset, nothing read", "unknown", (_FIRST_BYTE, Reset())),
    "hang_on_accept": ConnectionFault(
        "nothing read, nothing sent; over TLS the handshake hangs",
        "unknown",
        (Hold(HOLD_SECONDS),),
    ),
    "nonsense_on_accept": ConnectionFault(
        "bytes that are neither TLS nor HTTP",
        "unknown",
        (_FIRST_BYTE, Write(b"\x00nonsense\r\n", below_tls=True), Close()),
    ),
    "wrong_host": ConnectionFault("a certificate for another host", None, certificate="wrong_host"),
    "expired": ConnectionFault("an expired certificate", None, certificate="expired"),
    "self_signed": ConnectionFault("a self-signed certificate", None, certificate="self_signed"),
}
