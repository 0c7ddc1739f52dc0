"""Damaged bodies: each function returns a script that sends the answer with a changed body."""

import json
from base64 import b64encode
from dataclasses import replace
from urllib.parse import urlencode

from sandbox.api.answers import error
from sandbox.api.key_case import in_key_case, name_in_case
from sandbox.api.resources import consumer_json
from sandbox.data.store import JsonObject, StoredConsumer
from sandbox.faults.damage import BuildScript, FaultContext
from sandbox.faults.script import Script, Send

OTHER_PERSON = {
    "ref": "00000000-0000-4000-8000-00000000000e",
    "firstName": "Zephyrine",
    "lastName": "Nobody",
    "emails": ["zephyrine.nobody@example.net"],
    "passportNumber": "XX0000000",
}


def body_of(text: bytes) -> BuildScript:
    """A success with this body."""
    return lambda context: (Send(replace(context.answer, body=text)),)


def typed(content_type: str) -> BuildScript:
    """The real answer with another `Content-Type`."""
    return lambda context: (Send(replace(context.answer, content_type=content_type)),)


def truncated(context: FaultContext) -> Script:
    """Half of the JSON in a complete HTTP answer."""
    return (Send(replace(context.answer, body=context.answer.body[: len(context.answer.body) // 2])),)


def prefixed(name: str, value: bytes) -> BuildScript:
    """A success whose JSON object has an additional first member."""

    def script(context: FaultContext) -> Script:
        member = json.dumps(name_in_case(name, context.call.switches.key_case)).encode() + b": " + value
        return (Send(replace(context.answer, body=b"{" + member + b", " + context.answer.body[1:])),)

    return script


def without_ref(context: FaultContext) -> Script:
    """A success without `ref`."""
    return _changed(context, {name: value for name, value in _fields(context).items() if name != "ref"})


def changed(**fields: object) -> BuildScript:
    """A success with changed fields."""
    return lambda context: _changed(context, {**_fields(context), **fields})


def linking_to(start: str) -> BuildScript:
    """A success whose links begin with another address than our own."""

    def script(context: FaultContext) -> Script:
        return _changed(context, _relinked(_fields(context), context.call.request.base_url, start))

    return script


def with_other_person(context: FaultContext) -> Script:
    """A success about another person: the oldest other consumer of the order, or an invented one."""
    name = _fields(context).get("lastName")
    shown = (consumer_json(context.call, one) for one in _others(context))
    another = next((one for one in shown if one.get("lastName") != name), None)
    return _changed(context, another or {**_fields(context), **OTHER_PERSON})


def with_known_ref(context: FaultContext) -> Script:
    """A success with the `ref` of another consumer of the order, if there is one."""
    others = _others(context)
    return _changed(context, {**_fields(context), "ref": others[0].ref} if others else _fields(context))


def with_order_ref(context: FaultContext) -> Script:
    """A success with the `ref` of the order."""
    return _changed(context, {**_fields(context), "ref": context.call.ref})


def quoting_secrets(context: FaultContext) -> Script:
    """A 400 whose messages quote the credentials of the request, plain and encoded."""
    quoted = f"firstName: not accepted for {', '.join(_secrets(context))}"
    return (Send(error(400, quoted, quoted)),)


def with_secrets(context: FaultContext) -> Script:
    """A success whose fields and links quote the credentials of the request."""
    secrets = _secrets(context)
    query = urlencode({"by": secrets[0], "with": secrets[-1]})
    fields = _fields(context)
    return _changed(
        context,
        {**fields, "href": f"{fields['href']}?{query}", "nationality": secrets[1], "title": secrets[2]},
    )


def _secrets(context: FaultContext) -> tuple[str, ...]:
    options = context.call.options
    basic = context.call.request.headers.get("authorization", "")
    token = options.api_token
    coded = "".join(f"%{byte:02x}" for byte in token.encode())
    return (options.client_key, token, basic, coded, b64encode(token.encode()).decode())


def _others(context: FaultContext) -> list[StoredConsumer]:
    """The other consumers of the order that the answer is about, oldest first."""
    ref = _fields(context).get("ref")
    own = context.call.tx.consumer(ref) if isinstance(ref, str) else None
    order_ref = own.order_ref if own else context.call.ref
    return [one for one in context.call.tx.consumers(order_ref) if one.ref != ref]


def quoting_all_values(context: FaultContext) -> Script:
    """A 400 whose messages quote every value that was sent."""
    text = context.call.request.body.decode("utf-8", "replace")
    try:
        quoted = ", ".join(_leaves(json.loads(text), ""))
    except (ValueError, RecursionError):
        quoted = text
    return (Send(error(400, f"Not accepted: {quoted}", f"Not accepted: {quoted}")),)


def _fields(context: FaultContext) -> JsonObject:
    fields: JsonObject = json.loads(context.plain.body)
    return fields


def _changed(context: FaultContext, fields: JsonObject) -> Script:
    body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace")
    answer = replace(context.answer, body=body)
    return (Send(in_key_case(answer, context.call.switches.key_case)),)


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
