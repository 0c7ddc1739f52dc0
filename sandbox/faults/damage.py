"""Damaged responses: each function returns the script that a fault sends in place of the answer."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from sandbox.api.answers import Answer, as_html
from sandbox.api.calls import Call
from sandbox.faults.script import Close, Drip, Hold, Reset, Script, Send, Wait, Write

ELSEWHERE = "https://elsewhere.example"  # reserved, has no owner (RFC 2606)
MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FaultContext:
    """The input of a fault: the call, its real answer, and the length of the pause in seconds.

    `plain`: the answer with its names as documented, where the switch `key_case` has not changed them.
    """

    call: Call
    answer: Answer
    plain: Answer
    seconds: float


BuildScript = Callable[[FaultContext], Script]


def always(answer: Answer) -> BuildScript:
    """Send this answer in place of the real one."""
    return lambda _context: (Send(answer),)


def with_status(status: int) -> BuildScript:
    """The real answer with another status."""
    return lambda context: (Send(replace(context.answer, status=status)),)


def redirect(status: int) -> BuildScript:
    """A redirect to the same path on another host (RFC 9110 15.4)."""

    def script(context: FaultContext) -> Script:
        page = as_html(status, "Moved")
        location = ELSEWHERE + context.call.request.target
        return (Send(replace(page, headers=(("Location", location),))),)

    return script


# The connection


def hold(context: FaultContext) -> Script:
    """Send nothing and keep the connection open."""
    return (Hold(context.seconds), Close())


def hang_up(_context: FaultContext) -> Script:
    """Close the connection in place of an answer."""
    return (Close(),)


def reset(_context: FaultContext) -> Script:
    """RST in place of an answer."""
    return (Reset(),)


def reset_half_way(context: FaultContext) -> Script:
    """RST in the middle of the body."""
    return (
        Write(_whole(context)[: -len(context.answer.body) // 2], context.answer.status),
        Wait(0.05),
        Reset(),
    )


def end_half_way(context: FaultContext) -> Script:
    """A normal close in the middle of the body, before the announced length is reached."""
    return (Write(_whole(context)[: -len(context.answer.body) // 2], context.answer.status), Close())


def bad_record(_context: FaultContext) -> Script:
    """Over TLS a record that cannot be decrypted, over plain HTTP bytes that are not HTTP."""
    return (Write(b"\x17\x03\x03\x00\x40" + b"\xa5" * 64, below_tls=True), Wait(0.05), Close())


def late(context: FaultContext) -> Script:
    """The real answer after the pause."""
    return (Wait(context.seconds), Send(context.answer))


def drip_head(context: FaultContext) -> Script:
    """The real answer, with status line and headers byte by byte."""
    whole, body = _whole(context), context.answer.body
    head = whole.removesuffix(body)
    return (Drip(head, context.seconds, context.answer.status), Write(body), Close())


def drip_body(context: FaultContext) -> Script:
    """The real answer, with the body byte by byte."""
    whole, body = _whole(context), context.answer.body
    return (Write(whole.removesuffix(body), context.answer.status), Drip(body, context.seconds), Close())


def after_100(context: FaultContext) -> Script:
    """The real answer after an interim answer (RFC 9110 15.2.1)."""
    return (Write(b"HTTP/1.1 100 Continue\r\n\r\n"), Send(context.answer))


def after_interim(status: int) -> BuildScript:
    """The real answer after an interim answer: 102 (RFC 2518) or 103 (RFC 8297)."""
    phrase = HTTPStatus(status).phrase
    interim = f"HTTP/1.1 {status} {phrase}\r\nX-Interim: yes\r\n\r\n".encode()
    return lambda context: (Write(interim), Send(context.answer))


def cut_in_the_head(answer: Answer) -> BuildScript:
    """An answer that ends within its headers."""
    head = answer.to_bytes(close=True).partition(b"\r\n\r\n")[0]
    return lambda _context: (Write(head[:-7], answer.status), Close())


def only_103(_context: FaultContext) -> Script:
    """An interim answer without a final one (RFC 8297)."""
    return (Write(b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n", 103), Close())


# Content coding and transfer coding


def gzipped(context: FaultContext) -> Script:
    """The real answer, compressed."""
    return _coded(context, gzip.compress(context.answer.body))


def broken_gzip(context: FaultContext) -> Script:
    """The real answer, declared as gzip but not compressed correctly."""
    return _coded(context, b"\x1f\x8b\x08" + context.answer.body)


def chunked(context: FaultContext) -> Script:
    """The real answer in chunks of 100 bytes (RFC 9112 7.1)."""
    body = context.answer.body
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
    return _in_chunks(context, b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n")


def broken_chunked(context: FaultContext) -> Script:
    """Chunks; the second has no length."""
    first = context.answer.body[:100]
    script = _in_chunks(
        context, b"%x\r\n%b\r\nno length\r\n" % (len(first), first) + context.answer.body[100:]
    )
    return (*script, Close())


def _whole(context: FaultContext) -> bytes:
    return context.answer.to_bytes(close=True)


def _coded(context: FaultContext, body: bytes) -> Script:
    headers = (*context.answer.headers, ("Content-Encoding", "gzip"))
    return (Send(replace(context.answer, body=body, headers=headers)),)


def _in_chunks(context: FaultContext, chunks: bytes) -> Script:
    head = context.answer.head_bytes((("Transfer-Encoding", "chunked"),))
    return (Write(head + chunks, context.answer.status),)
