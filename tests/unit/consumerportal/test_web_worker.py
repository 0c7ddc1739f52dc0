"""Answers that the server gives without the application; with real processes: ``test_hostile_clients``."""

from __future__ import annotations

import socket

import pytest
from pytest_django import Settings

from consumerportal.web_worker import write_refusal
from tests.support.headers import HEADERS


@pytest.mark.parametrize("seconds", [0, 31536000])
def test_refusal_enforces_https_only_in_production(settings: Settings, seconds: int) -> None:
    settings.SECURE_HSTS_SECONDS = seconds
    ours, clients = socket.socketpair()
    with ours, clients:
        write_refusal(ours, 408, "Request Timeout")
        head, _, body = clients.recv(4096).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 408 Request Timeout"
    assert (f"Content-Length: {len(body)}" in lines, body) == (True, b"Request Timeout")
    wanted = {f"{name}: {value}" for name, value in HEADERS.items()} | {"Cache-Control: no-store, private"}
    assert wanted <= {*lines}
    hsts = "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload"
    assert [line for line in lines if line.startswith("Strict")] == ([hsts] if seconds else [])
