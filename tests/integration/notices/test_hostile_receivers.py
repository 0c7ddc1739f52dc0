"""Receivers that answer badly, slowly, without TLS or not at all."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
from pathlib import Path

import pytest
import time_machine
from cryptography import x509
from pytest_django import Settings

from apps.cdp.attempt import Limits
from apps.notices import watching
from apps.notices.channels import hook, mail
from apps.notices.delivering import LEASE
from apps.notices.models import Channel, Delivery, State
from tests.support.certificates import make_certificate
from tests.support.notice_receivers import mail_server
from tests.support.notice_world import World, deliveries
from tests.support.ports import free_port
from tests.support.scripted_servers import Peer, Serve, answer, once_then_close
from tests.support.scripted_servers import serve as serve  # noqa: PLC0414  # a fixture is used by being in this module

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (answer(302, headers={"Location": "http://127.0.0.1:9/elsewhere"}), "http_302"),
        (answer(410), "http_410"),
        (b"HTTP/1.1 2", "connection_lost"),
        (b"not http at all\r\n\r\n", "connection_lost"),
        (b"", "connection_lost"),
    ],
)
def test_hostile_answers_are_failures(
    world: World, serve: Serve, settings: Settings, raw: bytes, problem: str
) -> None:
    def script(peer: Peer) -> None:
        if peer.read_request():
            peer.send(raw)

    server = serve(script)
    settings.NOTICE_HOOK_URL = f"{server.url}/hook"
    world.standing["a"] = {"number": 7}
    world.run()
    assert deliveries(Channel.HOOK).get().problem == problem
    assert len(server.requests) == 1


def test_huge_and_dripping_bodies_are_not_read(world: World, serve: Serve, settings: Settings) -> None:
    """The head of the answer is enough: the receiver has accepted it."""

    def script(peer: Peer) -> None:
        if peer.read_request():
            peer.send(answer(200, raw=b"x", length=10**12))
            peer.wait_for_end()

    settings.NOTICE_HOOK_URL = f"{serve(script).url}/hook"
    world.standing["a"] = {"number": 7}
    world.run()
    assert deliveries(Channel.HOOK).get().state == State.SENT


def test_dripping_head_and_silent_server_end_at_the_limit(
    world: World, serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "LIMITS", Limits(connect=2.0, read=2.0, total=0.4))

    def drip(peer: Peer) -> None:
        if peer.read_request():
            for letter in b"HTTP/1.1 200 OK\r\n" + 1000 * b"X: y\r\n":
                peer.send(bytes([letter]))
                if peer.server.stopping.wait(0.05):
                    return

    settings.NOTICE_HOOK_URL = f"{serve(drip).url}/hook"
    world.standing["a"] = {"number": 7}
    world.run()
    assert deliveries(Channel.HOOK).get().problem == "total_timeout"


def test_dripping_mail_server_ends_at_the_limit(
    world: World, serve: Serve, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "LIMITS", Limits(connect=2.0, read=2.0, total=0.4))

    sent: list[int] = []

    def drip(peer: Peer) -> None:
        for letter in b"220 " + 1000 * b"x":
            peer.send(bytes([letter]))
            sent.append(letter)
            if peer.server.stopping.wait(0.05):
                return

    settings.SMTP_PORT = serve(drip).port
    world.standing["a"] = {"number": 7}
    world.run()
    assert deliveries(Channel.MAIL).get().problem == "timeout"
    assert len(sent) < 200, "The conversation went on for much longer than its limit"


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("spent", [0.0, 8.0], ids=["in time", "total limit"])
def test_each_address_of_the_mail_server_is_tried_within_the_limits(
    world: World, monkeypatch: pytest.MonkeyPatch, spent: float
) -> None:
    monkeypatch.setattr(mail, "LIMITS", Limits(connect=2.0, read=2.0, total=7.0))
    given: list[float] = []
    clock = [0.0]

    def connect(address: tuple[str, int], seconds: float) -> socket.socket:
        given.append(round(seconds, 3))
        if address[0] != "127.0.0.1":
            clock[0] += spent
            raise TimeoutError
        found_ = socket.socket()
        found_.connect(address)
        return found_

    found = [(0, 0, 0, "", (one, world.box.port)) for one in ("127.9.9.9", "127.0.0.1")]
    monkeypatch.setattr("apps.notices.channels.mail.socket.getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr("apps.notices.channels.mail.socket.create_connection", connect)
    monkeypatch.setattr("apps.notices.channels.mail.time.monotonic", lambda: clock[0])
    world.standing["a"] = {"number": 7}
    watching.watch()
    world.deliverers[0].send_due()
    assert given == ([2.0] if spent else [2.0, 2.0])
    assert deliveries(Channel.MAIL).get().problem == ("timeout" if spent else "")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_not_sent_without_the_tls_that_was_asked_for(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setattr(mail, "LIMITS", Limits(connect=2.0, read=2.0, total=2.0))
    settings.SMTP_SECURITY = security
    world.standing["a"] = {"number": 7}
    world.run()
    assert world.box.offered == 0
    assert deliveries(Channel.MAIL).get().problem in {"smtp_refused", "tls_failed"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
def test_mail_over_tls_needs_a_certificate_of_the_server(
    world: World, settings: Settings, tmp_path: Path, security: str, trusted: bool
) -> None:
    certificate = make_certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    contexts = {security: certificate.context}
    with mail_server("portal", "pass-5e77-word", **contexts) as box:
        settings.SMTP_SECURITY, settings.SMTP_PORT = security, box.port
        settings.SMTP_USER, settings.SMTP_PASSWORD = "portal", "pass-5e77-word"
        settings.SMTP_CA_FILE = str(certificate.file) if trusted else ""
        world.standing["a"] = {"number": 7}
        world.run()
        assert box.users == ([b"portal"] if trusted else [])
    assert deliveries(Channel.MAIL).get().problem == ("" if trusted else "tls_failed")


def test_hook_over_tls_needs_a_certificate_of_the_receiver(
    world: World, serve: Serve, settings: Settings, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    server = serve(once_then_close(answer(200)), tls=certificate.context)
    settings.NOTICE_HOOK_URL = f"{server.url}/hook"
    world.standing["a"] = {"number": 7}
    world.run()
    assert (deliveries(Channel.HOOK).get().problem, server.requests) == ("tls_failed", [])
    settings.NOTICE_HOOK_CA_FILE = str(certificate.file)
    with time_machine.travel(dt.datetime.now(dt.UTC) + LEASE, tick=False):
        world.send()
    assert deliveries(Channel.HOOK).get().state == State.SENT


def test_server_that_is_not_there(world: World, settings: Settings) -> None:
    port = free_port()
    settings.SMTP_PORT, settings.NOTICE_HOOK_URL = port, f"http://127.0.0.1:{port}/hook"
    world.standing["a"] = {"number": 7}
    world.run()
    assert [one.problem for one in Delivery.objects.all()] == 2 * ["connect_refused"]
