"""One line per attempt, from an allow-list."""

from __future__ import annotations

import logging
import time

import pytest

from apps.cdp.errors import CdpError
from tests.support.cdp_clients import ORDER, client_of, create, failed_create
from tests.support.scripted_servers import Peer, Serve, always, answer


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [
        {name: value for name, value in vars(record).items() if name.startswith("cdp_")}
        for record in caplog.records
        if record.name == "apps.cdp"
    ]


def test_create_logs_one_line(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(always(answer(201, {"ref": "a"})))
    began = time.monotonic()
    create(client_of(server.url))
    (line,) = _lines(caplog)
    duration = line.pop("cdp_duration_ms")
    assert isinstance(duration, int)
    assert 0 <= duration <= 1000 * (time.monotonic() - began) + 1
    assert [record.levelname for record in caplog.records if record.name == "apps.cdp"] == ["INFO"]
    assert line == {
        "cdp_method": "POST",
        "cdp_path": "/v2.1/orders/{order_ref}/consumers",
        "cdp_status": 201,
        "cdp_outcome": "done",
        "cdp_code": "",
        "cdp_cause": "",
    }
    assert "method=POST path=/v2.1/orders/{order_ref}/consumers status=201" in caplog.text


def test_each_attempt_of_a_read_logs_a_line(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(always(answer(503, {})))
    with pytest.raises(CdpError):
        client_of(server.url).retrieve_order(ORDER)
    assert [(line["cdp_status"], line["cdp_code"]) for line in _lines(caplog)] == [(503, "http_503")] * 2


def test_failure_logs_its_code_and_the_name_of_its_cause(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(Peer.reset_unread)
    failed_create(client_of(server.url))
    (line,) = _lines(caplog)
    assert (line["cdp_outcome"], line["cdp_code"], line["cdp_status"]) == ("unknown", "connection_lost", None)
    assert line["cdp_cause"] == "ConnectionResetError"
    assert [record.levelname for record in caplog.records if record.name == "apps.cdp"] == ["WARNING"]


def test_no_logger_receives_a_value(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    body = {"ref": "REF-MARKER", "message": "MESSAGE-MARKER", "developerMessage": "DEVELOPER-MARKER"}
    broken_headers = {"X-Header": "HEADER-MARKER", "Bad Header ": "x\r\nno colon here"}
    for status in (200, 400, 500, 302):
        server = serve(always(answer(status, body, headers=broken_headers)))
        client = client_of(server.url)
        for call in (
            lambda client=client: create(client),
            lambda client=client: client.search_guests(email="email-MARKER@example.com"),
            lambda client=client: client.retrieve_guest("GUEST-MARKER"),
        ):
            try:
                call()
            except CdpError as error:
                caplog.records.append(logging.makeLogRecord({"msg": repr(error)}))
    logged = "".join(str(vars(record)) for record in caplog.records) + caplog.text
    assert _lines(caplog)
    assert "MARKER" not in logged
    assert ORDER not in logged
    assert "127.0.0.1" not in logged
