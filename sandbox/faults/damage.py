"""What faults put on the wire in place of the answer, or make of it: each function gives a script."""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlencode

from apps.sandbox.answers import Answer, as_html, error
from apps.sandbox.calls import Call
from apps.sandbox.resources import consumer_json
from apps.sandbox.store import StoredConsumer
from apps.sandbox.validation import JsonObject
from apps.sandbox.wire import Close, Drip, Hold, Reset, Script, Send, Wait, Write

ELSEWHERE = "https://elsewhere.example"  # nobody can have this host (RFC 2606)
MEGABYTE = 1024 * 1024
STRANGER = {
    "ref": "00000000-0000-4000-8000-00000000000e",
    "firstName": "Zephyrine",
    "lastName": "Nobody",
    "emails": ["zephyrine.nobody@example.net"],
    "passportNumber": "XX0000000",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault has at hand: the call, its true answer, and the seconds of its pause if it makes any."""

    call: Call
    answer: Answer
    seconds: float


Spoil = Callable[[Scene], Script]


def always(answer: Answer) -> Spoil:
    """One answer in place of the true one."""
    return lambda _scene: (Send(answer),)


def with_status(status: int) -> Spoil:
    """The true answer under another status."""
    return lambda scene: (Send(replace(scene.answer, status=status)),)


def redirect(status: int) -> Spoil:
    """The way to the same path on another host (RFC 9110 15.4)."""

    def script(scene: Scene) -> Script:
        page = as_html(status, "Moved")
        location = ELSEWHERE + scene.call.request.target
        return (Send(replace(page, headers=(("Location", location),))),)

    return script


# The connection


def hold(scene: Scene) -> Script:
    """Say nothing."""
    return (Hold(scene.seconds), Close())


def hang_up(_scene: Scene) -> Script:
    """An ordinary end where the answer should be."""
    return (Close(),)


def reset(_scene: Scene) -> Script:
    """RST where the answer should be."""
    return (Reset(),)


def reset_half_way(scene: Scene) -> Script:
    """RST in the middle of the body."""
    return (Write(_whole(scene)[: -len(scene.answer.body) // 2], scene.answer.status), Wait(0.05), Reset())


def end_half_way(scene: Scene) -> Script:
    """An ordinary end in the middle of the body, whose length was announced."""
    return (Write(_whole(scene)[: -len(scene.answer.body) // 2], scene.answer.status), Close())


def bad_record(_scene: Scene) -> Script:
    """Under TLS a record that cannot be decrypted, without it bytes that are not HTTP."""
    return (Write(b"\x17\x03\x03\x00\x40" + b"\xa5" * 64, below_tls=True), Wait(0.05), Close())


def late(scene: Scene) -> Script:
    """The right answer after a while."""
    return (Wait(scene.seconds), Send(scene.answer))


def drip_head(scene: Scene) -> Script:
    """The right answer, with its status line and headers byte by byte."""
    whole, body = _whole(scene), scene.answer.body
    head = whole.removesuffix(body)
    return (Drip(head, scene.seconds, scene.answer.status), Write(body), Close())


def drip_body(scene: Scene) -> Script:
    """The right answer, with its body byte by byte."""
    whole, body = _whole(scene), scene.answer.body
    return (Write(whole.removesuffix(body), scene.answer.status), Drip(body, scene.seconds), Close())


def after_100(scene: Scene) -> Script:
    """The right answer behind an interim one (RFC 9110 15.2.1)."""
    return (Write(b"HTTP/1.1 100 Continue\r\n\r\n"), Send(scene.answer))


def after_interim(status: int) -> Spoil:
    """The right answer behind an interim one: 102 (RFC 2518) or 103 (RFC 8297)."""
    phrase = HTTPStatus(status).phrase
    interim = f"HTTP/1.1 {status} {phrase}\r\nX-Interim: yes\r\n\r\n".encode()
    return lambda scene: (Write(interim), Send(scene.answer))


def cut_in_the_head(answer: Answer) -> Spoil:
    """An answer that ends within its headers."""
    head = answer.to_bytes(close=True).partition(b"\r\n\r\n")[0]
    return lambda _scene: (Write(head[:-7], answer.status), Close())


def only_103(_scene: Scene) -> Script:
    """An interim answer and no final one (RFC 8297)."""
    return (Write(b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n", 103), Close())


# How the body is coded


def gzipped(scene: Scene) -> Script:
    """The right answer, compressed."""
    return _coded(scene, gzip.compress(scene.answer.body))


def broken_gzip(scene: Scene) -> Script:
    """Announced as compressed, which it is not."""
    return _coded(scene, b"\x1f\x8b\x08" + scene.answer.body)


def chunked(scene: Scene) -> Script:
    """The right answer in chunks of 100 bytes (RFC 9112 7.1)."""
    body = scene.answer.body
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
    return _in_chunks(scene, b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n")


def broken_chunked(scene: Scene) -> Script:
    """Chunks, the second of which has no length."""
    first = scene.answer.body[:100]
    script = _in_chunks(scene, b"%x\r\n%b\r\nno length\r\n" % (len(first), first) + scene.answer.body[100:])
    return (*script, Close())


# What the body says


def body_of(text: bytes) -> Spoil:
    """A success with another body."""
    return lambda scene: (Send(replace(scene.answer, body=text)),)


def typed(content_type: str) -> Spoil:
    """The right answer, announced as something else."""
    return lambda scene: (Send(replace(scene.answer, content_type=content_type)),)


def truncated(scene: Scene) -> Script:
    """Half of the JSON; the HTTP answer is whole."""
    return (Send(replace(scene.answer, body=scene.answer.body[: len(scene.answer.body) // 2])),)


def prefixed(member: bytes) -> Spoil:
    """A success whose JSON object begins with one more member."""
    return lambda scene: (Send(replace(scene.answer, body=b"{" + member + b", " + scene.answer.body[1:])),)


def without_ref(scene: Scene) -> Script:
    """A success that lacks `ref`."""
    return _changed(scene, {name: value for name, value in _fields(scene).items() if name != "ref"})


def changed(**fields: object) -> Spoil:
    """A success with some fields set anew."""
    return lambda scene: _changed(scene, {**_fields(scene), **fields})


def linking_to(start: str) -> Spoil:
    """A success whose links begin with something else than our own address."""

    def script(scene: Scene) -> Script:
        return _changed(scene, _relinked(_fields(scene), scene.call.request.base_url, start))

    return script


def about_another(scene: Scene) -> Script:
    """A success about another person: the oldest of the order's other ones, else one that nobody added."""
    name = _fields(scene).get("lastName")
    shown = (consumer_json(scene.call, one) for one in _others(scene))
    another = next((one for one in shown if one.get("lastName") != name), None)
    return _changed(scene, another or {**_fields(scene), **STRANGER})


def with_known_ref(scene: Scene) -> Script:
    """A success whose `ref` is that of another consumer of the order, where there is one."""
    others = _others(scene)
    return _changed(scene, {**_fields(scene), "ref": others[0].ref} if others else _fields(scene))


def with_order_ref(scene: Scene) -> Script:
    """A success whose `ref` is that of the order."""
    return _changed(scene, {**_fields(scene), "ref": scene.call.ref})


def quoting_secrets(scene: Scene) -> Script:
    """A 400 whose messages quote the credentials of the request, plain and encoded."""
    quoted = f"firstName: not accepted for {', '.join(_secrets(scene))}"
    return (Send(error(400, quoted, quoted)),)


def with_secrets(scene: Scene) -> Script:
    """A success whose fields and links quote the credentials of the request."""
    secrets = _secrets(scene)
    query = urlencode({"by": secrets[0], "with": secrets[-1]})
    fields = _fields(scene)
    return _changed(
        scene, {**fields, "href": f"{fields['href']}?{query}", "nationality": secrets[1], "title": secrets[2]}
    )


def _secrets(scene: Scene) -> tuple[str, ...]:
    options = scene.call.options
    basic = scene.call.request.headers.get("authorization", "")
    token = options.api_token
    coded = "".join(f"%{byte:02x}" for byte in token.encode())
    return (options.client_key, token, basic, coded, b64encode(token.encode()).decode())


def _others(scene: Scene) -> list[StoredConsumer]:
    """The other consumers of the order that the answer is about, oldest first."""
    ref = _fields(scene).get("ref")
    own = scene.call.tx.consumer(ref) if isinstance(ref, str) else None
    order_ref = own.order_ref if own else scene.call.ref
    return [one for one in scene.call.tx.consumers(order_ref) if one.ref != ref]


def quoting_everything(scene: Scene) -> Script:
    """A 400 whose messages quote every value that was sent."""
    text = scene.call.request.body.decode("utf-8", "replace")
    try:
        quoted = ", ".join(_leaves(json.loads(text), ""))
    except (ValueError, RecursionError):
        quoted = text
    return (Send(error(400, f"Not accepted: {quoted}", f"Not accepted: {quoted}")),)


def _whole(scene: Scene) -> bytes:
    return scene.answer.to_bytes(close=True)


def _coded(scene: Scene, body: bytes) -> Script:
    headers = (*scene.answer.headers, ("Content-Encoding", "gzip"))
    return (Send(replace(scene.answer, body=body, headers=headers)),)


def _in_chunks(scene: Scene, chunks: bytes) -> Script:
    head = scene.answer.head_bytes((("Transfer-Encoding", "chunked"),))
    return (Write(head + chunks, scene.answer.status),)


def _fields(scene: Scene) -> JsonObject:
    fields: JsonObject = json.loads(scene.answer.body)
    return fields


def _changed(scene: Scene, fields: JsonObject) -> Script:
    body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return (Send(replace(scene.answer, body=body)),)


def _relinked(fields: JsonObject, old: str, new: str) -> JsonObject:
    return {
        name: new + value.removeprefix(old)
        if name == "href" and isinstance(value, str)
        else _relinked_inside(value, old, new)
        for name, value in fields.items()
    }


def _relinked_inside(value: object, old: str, new: str) -> object:
    if isinstance(value, list):
        return [_relinked_inside(entry, old, new) for entry in value]
    return _relinked(value, old, new) if isinstance(value, dict) else value


def _leaves(value: object, name: str) -> list[str]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{name}.{key}".lstrip("."))]
    if isinstance(value, list):
        return [leaf for at, inner in enumerate(value) for leaf in _leaves(inner, f"{name}[{at}]")]
    return [f"{name}={value}"]
