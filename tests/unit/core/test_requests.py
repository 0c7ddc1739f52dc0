"""The address of a request: the socket's and the client's; no client can forge another's."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.core.actor import Origin
from apps.core.web.requests import origin_of

PROXY, SECOND_PROXY, CLIENT = "10.0.0.1", "10.0.9.9", "192.0.2.7"


def origin(peer: str, forwarded_for: str = "") -> Origin:
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    return origin_of(RequestFactory(REMOTE_ADDR=peer).get("/", headers=headers))


def client_address(peer: str, forwarded_for: str = "") -> str:
    found = origin(peer, forwarded_for)
    assert found.peer_address == peer  # always next to it, as the socket reports it
    return found.client_address


@pytest.fixture
def trusted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/16", "2001:db8:ff::/48"]


@pytest.mark.parametrize("header", ["", CLIENT, "127.0.0.1", f"{CLIENT}, {PROXY}"])
def test_header_is_ignored_without_a_trusted_proxy(settings: Settings, header: str) -> None:
    settings.TRUSTED_PROXIES = []
    assert client_address(PROXY, header) == PROXY


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("", PROXY),
        (CLIENT, CLIENT),
        (f" {CLIENT} ", CLIENT),
        (f"{CLIENT}, {SECOND_PROXY}", CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),  # written by the client itself
        (f"{SECOND_PROXY}, {CLIENT}, {SECOND_PROXY}", CLIENT),  # a stranger claims a proxy of ours
        (f"{SECOND_PROXY}, {PROXY}", SECOND_PROXY),  # a client on a proxy machine
        # Several headers arrive as one, in order (RFC 9110, 5.2).
        (f"198.51.100.1,198.51.100.2,{CLIENT}", CLIENT),
        # Ports
        (f"{CLIENT}:49152", CLIENT),
        (f"{CLIENT}:49152, {SECOND_PROXY}:80", CLIENT),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        # IPv6, in one spelling
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("2001:db8::7, 2001:db8:ff::1", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        # An invalid address ends the search at the proxy that passed it on.
        ("unknown", PROXY),
        ("_hidden", PROXY),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, unknown, {SECOND_PROXY}", SECOND_PROXY),
        ("<script>", PROXY),
        ("192.0.2.7.evil.example", PROXY),
        ("192.0.2.256", PROXY),
        ("[", PROXY),
        (",", PROXY),
        (f"{CLIENT}, ,", CLIENT),
        ("fe80::7%<script>", "fe80::7"),
        ("1" * 5000, PROXY),
    ],
)
def test_address_behind_trusted_proxies_is_the_last_hop_not_written_by_them(
    trusted: None, header: str, address: str
) -> None:
    assert client_address(PROXY, header) == address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("::ffff:10.0.0.1", CLIENT),  # the proxy over a socket for both kinds of addresses
        ("2001:db8:ff::1", CLIENT),
        ("2001:db8:fe::1", "2001:db8:fe::1"),
        ("10.1.0.1", "10.1.0.1"),
        ("", ""),  # a Unix socket
    ],
)
def test_header_is_used_only_from_a_trusted_peer(trusted: None, peer: str, address: str) -> None:
    assert client_address(peer, CLIENT) == address


def test_proxy_in_front_of_a_unix_socket_is_trusted_if_configured(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["unix", "10.0.0.0/16"]
    assert client_address("", f"198.51.100.1, {CLIENT}") == CLIENT
    assert client_address("", f"{CLIENT}, {PROXY}") == CLIENT
    assert client_address("", "unknown") == ""
    assert client_address("192.0.2.1", CLIENT) == "192.0.2.1"  # came over TCP


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
def test_forged_first_entries_change_nothing(trusted: None, forged: str) -> None:
    assert client_address(PROXY, f"{forged}, {CLIENT}") == CLIENT
    assert client_address(CLIENT, forged) == CLIENT


@pytest.mark.django_db
def test_log_contains_both_addresses(trusted: None, as_staff: Client) -> None:
    headers = {"X-Forwarded-For": f"203.0.113.9, {CLIENT}:1234"}
    assert as_staff.get("/people/", headers=headers, REMOTE_ADDR=PROXY).status_code == 403
    event = AuditEvent.objects.get(action="access.denied")
    assert (event.peer_address, event.client_address) == (PROXY, CLIENT)


@pytest.mark.django_db
@pytest.mark.parametrize("peer", [PROXY, "198.51.100.4"])
def test_log_lines_of_a_request_have_the_address_of_the_audit_log(
    trusted: None, as_staff: Client, caplog: pytest.LogCaptureFixture, peer: str
) -> None:
    with caplog.at_level("INFO", logger="django_structlog"):
        as_staff.get("/people/", headers={"X-Forwarded-For": f"203.0.113.9, {CLIENT}"}, REMOTE_ADDR=peer)
    event = AuditEvent.objects.get(action="access.denied")
    lines: list[Any] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert {line["ip"] for line in lines} == {event.client_address}
    assert "ipware" not in sys.modules  # django-structlog's own detection of the address


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["X-Request-ID", "X-Correlation-ID"])
def test_client_cannot_choose_the_id_of_its_request(
    as_staff: Client, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level("INFO", logger="django_structlog"):
        as_staff.get("/people/", headers={name: "chosen-by-the-client"})
    assert "request_finished" in caplog.text
    assert "chosen-by-the-client" not in caplog.text
    assert AuditEvent.objects.get(action="access.denied").request_id != "chosen-by-the-client"
