"""The transport without credentials, as web hooks of notices use it."""

from __future__ import annotations

from apps.cdp.attempt import Attempt, Limits
from apps.cdp.links import BaseUrl
from apps.cdp.transport import Transport
from tests.support.scripted_servers import Serve, always, answer


def test_transport_without_credentials_sends_and_masks_none(serve: Serve) -> None:
    server = serve(always(answer(201, {"a": 1}, headers={"Retry-After": "7", "Date": "today"})))
    transport = Transport(
        base=BaseUrl.parse(server.url),
        credentials=None,
        max_answer_bytes=1_000,
        pool_size=1,
        ca_file="",
        proxy="",
        settings_prefix="NOTICE_HOOK_",
    )
    raw = transport.send(
        "POST",
        "/hook",
        attempt=Attempt(Limits(connect=1, read=1, total=2)),
        headers={"X-Name": "value"},
        body=b"{}",
        fresh=True,
        head_only=True,
    )
    assert (raw.status, raw.retry_after, raw.date, raw.body) == (201, "7", "today", None)
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/hook", b"{}")
    assert request.headers["x-name"] == "value"
    assert "authorization" not in request.headers
    assert transport.secrets.mask("a text of the receiver") == "a text of the receiver"
