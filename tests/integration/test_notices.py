"""Each cause is reported once over each channel, whatever the receivers do. No secret is stored or logged."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography import x509
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.db.models import QuerySet
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from apps.cdp.attempt import Limits
from apps.core import heartbeats
from apps.notices import watching
from apps.notices.causes import Cause, Found, Search
from apps.notices.channels import NotAcceptedError, hook, mail, senders
from apps.notices.delivering import LEASE, Deliverer
from apps.notices.models import About, Channel, Delivery, Notice, State, WatchedCause
from consumerportal import notice_threads, status
from tests.support.certificates import make_certificate
from tests.support.notice_receivers import (
    NEXT_SECRET,
    OK,
    SECRET,
    Mailbox,
    hook_settings,
    mail_server,
    mail_settings,
)
from tests.support.ports import free_port
from tests.support.scripted_servers import Peer, Serve, answer, once_then_close
from tests.support.scripted_servers import serve as serve  # noqa: PLC0414  # a fixture is used by being in this module
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

START = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)


class World:
    """What exists now, as the causes of the test find it, and what the receivers were sent."""

    def __init__(self, box: Mailbox, server: HTTPServer) -> None:
        self.standing: dict[str, dict[str, Any]] = {}
        self.happened: dict[str, dt.datetime] = {}
        self.box, self.server = box, server
        self.hook_status = 200
        self.hooked: list[Request] = []  # accepted
        self.refused: list[Request] = []
        self.deliverers = [Deliverer(one) for one in senders()]
        server.expect_request("/hook", method="POST").respond_with_handler(self._answer)

    def causes(self) -> tuple[Cause, ...]:
        def standing(_search: Search) -> list[Found]:
            return [Found(key, "/status/", facts=facts) for key, facts in self.standing.items()]

        def happened(_search: Search) -> list[Found]:
            return [Found(key, "/audit/1/", at) for key, at in self.happened.items()]

        return (
            Cause("thing", "A thing", "The thing %(number)s is there.", standing),
            Cause("slow", "A slow thing", "It is there.", lambda _s: [], ends_after=dt.timedelta(minutes=5)),
            Cause("act", "An act", "Somebody did it.", happened, happening=True),
        )

    def run(self) -> None:
        """Watch once, then send what is due."""
        watching.watch()
        self.send()

    def send(self) -> None:
        for one in self.deliverers:
            while one.send_due():
                pass

    def _answer(self, request: Request) -> Response:
        (self.hooked if self.hook_status < 300 else self.refused).append(request)
        return Response(status=self.hook_status)

    @property
    def types(self) -> list[str]:
        return [one.get_json()["type"] for one in self.hooked]

    @property
    def hook_ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.hooked]


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as server:
        yield server


@pytest.fixture
def world(
    box: Mailbox, httpserver: HTTPServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    for name, value in {**mail_settings(box.port), **hook_settings(httpserver.url_for("/hook"))}.items():
        setattr(settings, name, value)
    settings.NOTICE_CAUSES = ["thing", "slow", "act"]
    made = World(box, httpserver)
    monkeypatch.setattr(watching, "registered", made.causes)
    monkeypatch.setattr(watching, "_off", set())
    monkeypatch.setattr("apps.notices.messages.find_cause", {one.code: one for one in made.causes()}.get)
    yield made
    httpserver.check_assertions()


def deliveries(channel: Channel) -> QuerySet[Delivery]:
    return Delivery.objects.filter(channel=channel).order_by("pk")


def line_of(channel: Channel) -> status.Line:
    """The line of a channel in the status."""
    [line] = [line for line in status.lines() if line.name == f"notices_{channel.value}"]
    return line


@contextmanager
def switched_off(settings: Settings, what: str) -> Iterator[None]:
    """No cause, or no channel, is on."""
    names = ["NOTICE_CAUSES"] if what == "cause" else ["NOTICE_MAIL_TO", "NOTICE_HOOK_URL"]
    before = {name: getattr(settings, name) for name in names}
    for name, value in before.items():
        setattr(settings, name, type(value)())
    yield
    for name, value in before.items():
        setattr(settings, name, value)


def notice_that_it_is_off(off: str) -> None:
    """What a worker does that starts while no cause, or no channel, is on."""
    if off == "cause":
        watching.watch()
    else:
        watching.stop_watching()


# --- One notice per cause -------------------------------------------------------------------------
def test_cause_is_told_once_over_each_channel_and_so_is_its_end(world: World) -> None:
    world.standing["a"] = {"number": 7}
    for _ in range(3):
        world.run()
    assert world.types == ["thing.opened"]
    [mail_] = world.box.mails
    assert mail_["Subject"] == "[Consumer Portal] A thing"
    assert (mail_["To"], mail_["From"]) == ("operations@example.com", "portal@example.com")
    assert mail_["Auto-Submitted"] == "auto-generated"
    assert "The thing 7 is there." in mail_.get_content()
    assert "http://localhost:8030/status/" in mail_.get_content()

    world.standing["b"] = {"number": 8}
    world.run()
    assert world.types == ["thing.opened", "thing.opened"]

    del world.standing["a"]
    for _ in range(3):
        world.run()
    assert world.types == ["thing.opened", "thing.opened", "thing.ended"]
    assert world.hooked[2].get_json()["data"]["facts"] == {"number": 7}
    assert [one["Subject"] for one in world.box.mails][-1] == "[Consumer Portal] Ended: A thing"
    assert len(world.box.mails) == 3

    world.standing["a"] = {"number": 7}  # it begins again: another cause
    world.run()
    assert world.types[3:] == ["thing.opened"]
    assert len({*world.hook_ids}) == 4


def test_hook_is_signed_and_says_what_and_where(world: World) -> None:
    world.standing["a"] = {"number": 7}
    world.run()
    [request] = world.hooked
    told = Webhook(SECRET).verify(request.get_data(), dict(request.headers))
    notice = Notice.objects.get()
    assert told == {
        "type": "thing.opened",
        "timestamp": notice.opened_at.isoformat(),
        "data": {
            "notice": str(notice.public_id),
            "cause": "thing",
            "text": "The thing 7 is there.",
            "since": notice.opened_at.isoformat(),
            "link": "http://localhost:8030/status/",
            "facts": {"number": 7},
        },
    }
    assert request.headers["webhook-id"] == f"msg_{deliveries(Channel.HOOK).get().public_id.hex}"
    assert "Authorization" not in request.headers


def test_receiver_changes_its_secret(world: World, settings: Settings) -> None:
    settings.NOTICE_HOOK_SECRETS = [SECRET, NEXT_SECRET]
    world.standing["a"] = {"number": 7}
    world.run()
    [request] = world.hooked
    for secret in (SECRET, NEXT_SECRET):
        Webhook(secret).verify(request.get_data(), dict(request.headers))


def test_happening_is_told_once(world: World) -> None:
    with time_machine.travel(START, tick=False) as at:
        world.happened = {"1": START, "2": START, "0": START - dt.timedelta(seconds=1)}
        for _ in range(3):
            world.run()
            at.shift(watching.LOOK_BACK)
        world.happened["3"] = dt.datetime.now(dt.UTC)
        for _ in range(5):
            world.run()
            at.shift(watching.LOOK_BACK)
    assert world.types == 3 * ["act.opened"]
    assert len(world.box.mails) == 3


@pytest.mark.sql("new")
def test_cause_that_is_gone_for_a_moment_is_the_same_cause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [True]
    find = [Found("x", "/status/")]
    cause = Cause(
        "slow", "Slow", "Slow.", lambda _s: find if there[0] else [], ends_after=dt.timedelta(minutes=5)
    )
    monkeypatch.setattr(watching, "registered", lambda: (cause,))
    with time_machine.travel(START, tick=False) as at:
        world.run()
        for is_there, minutes in ((False, 4), (True, 1), (False, 4), (True, 10)):
            there[0] = is_there
            world.run()
            at.shift(dt.timedelta(minutes=minutes))
        world.run()
        assert world.types == ["slow.opened"]
        there[0] = False
        world.run()
        at.shift(dt.timedelta(minutes=5))
        gone = dt.datetime.now(dt.UTC)
        world.run()
    assert world.types == ["slow.opened", "slow.ended"]
    assert Notice.objects.get().ended_at == gone - dt.timedelta(minutes=5)


def test_failing_search_for_one_cause_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_search: Search) -> list[Found]:
        raise ZeroDivisionError

    bad = Cause("slow", "Slow", "Slow.", fails)
    monkeypatch.setattr(watching, "registered", lambda: (bad, *world.causes()))
    world.standing["a"] = {"number": 7}
    with pytest.raises(watching.NotWatchedError, match="slow"):
        watching.watch()
    world.send()
    assert world.types == ["thing.opened"]
    assert "notice_cause_not_watched slow" in caplog.text


@pytest.mark.sql("new")
def test_cause_that_is_off_is_not_told_and_happenings_meanwhile_never(
    world: World, settings: Settings
) -> None:
    settings.NOTICE_CAUSES = ["act"]
    world.standing["a"] = {"number": 7}
    world.run()
    assert world.types == []
    since = WatchedCause.objects.get(cause="act").since
    settings.NOTICE_CAUSES = []
    world.run()
    assert not WatchedCause.objects.exists()
    settings.NOTICE_CAUSES = ["act"]
    world.run()
    assert WatchedCause.objects.get(cause="act").since > since


@pytest.mark.sql("new")
@pytest.mark.parametrize("off", ["cause", "channels"])
def test_cause_that_begins_again_after_it_was_off_is_reported(
    world: World, settings: Settings, off: str
) -> None:
    world.standing["a"] = {"number": 7}
    world.run()
    with switched_off(settings, off):
        notice_that_it_is_off(off)
    world.run()
    assert world.types == ["thing.opened", "thing.opened"], "Nobody has watched whether it is another one"
    assert Notice.objects.filter(ended_at=None).count() == 1


@pytest.mark.sql("new")
def test_process_that_has_a_cause_off_ends_the_notices_of_another_once(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While settings are changed machine by machine: at most one repetition, not one in each round."""
    world.standing["a"] = {"number": 7}
    processes: list[tuple[list[str], set[str]]] = [(settings.NOTICE_CAUSES, set()), (["act"], set())]
    for causes, off in processes * 4:
        settings.NOTICE_CAUSES = causes
        monkeypatch.setattr(watching, "_off", off)
        watching.watch()
        world.send()
    assert world.types == ["thing.opened", "thing.opened"]


@pytest.mark.parametrize("off", ["cause", "channels"])
def test_what_was_not_sent_when_it_was_switched_off_is_not_sent(
    world: World, settings: Settings, off: str
) -> None:
    world.standing["a"] = {"number": 7}
    watching.watch()
    with switched_off(settings, off):
        notice_that_it_is_off(off)
    world.send()
    assert (world.types, world.box.mails) == ([], [])
    world.run()
    assert world.types == ["thing.opened"]


@pytest.mark.parametrize("off", ["cause", "channels"])
def test_happening_and_end_that_wait_when_it_is_switched_off_are_not_sent(
    world: World, settings: Settings, off: str
) -> None:
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"number": 7}
        world.run()
        world.hook_status = 503
        world.happened["1"] = START
        world.standing.clear()
        for _ in range(2):
            world.run()
        assert (world.types, len(world.refused)) == (["thing.opened"], 2)
        assert line_of(Channel.HOOK).level is status.Level.CRITICAL
        with switched_off(settings, off):
            notice_that_it_is_off(off)
        world.hook_status = 200
        at.shift(3600)
        world.run()
        assert world.types == ["thing.opened"]
        assert line_of(Channel.HOOK).text.startswith("0 waiting.")


@pytest.mark.sql("new")
def test_channel_that_was_off_for_long_is_told_what_still_exists(world: World, settings: Settings) -> None:
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"number": 7}
        watching.watch()
        address, settings.NOTICE_HOOK_URL = settings.NOTICE_HOOK_URL, ""
        at.shift(watching.GIVE_UP_AFTER + dt.timedelta(hours=1))
        watching.watch()
        assert deliveries(Channel.HOOK).get().problem == "channel_off"
        settings.NOTICE_HOOK_URL = address
        world.run()
        assert world.types == ["thing.opened"]


def test_channel_that_was_off_is_not_told_the_end_of_what_it_did_not_get(
    world: World, settings: Settings
) -> None:
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"number": 7}
        watching.watch()
        address, settings.NOTICE_HOOK_URL = settings.NOTICE_HOOK_URL, ""
        at.shift(watching.GIVE_UP_AFTER + dt.timedelta(hours=1))
        watching.watch()
        settings.NOTICE_HOOK_URL = address
        world.standing.clear()
        world.run()
        assert world.types == []


@pytest.mark.sql("new")
def test_channel_that_is_switched_on_is_told_what_exists(world: World, settings: Settings) -> None:
    address, settings.NOTICE_HOOK_URL = settings.NOTICE_HOOK_URL, ""
    for key in ("a", "b"):
        world.standing[key] = {"number": 7}
    watching.watch()
    settings.NOTICE_HOOK_URL = address
    for _ in range(2):
        world.run()
    assert world.types == ["thing.opened", "thing.opened"]
    assert len(world.box.mails) == 2
    settings.NOTICE_HOOK_URL = ""
    world.standing["c"] = {"number": 9}
    watching.watch()
    settings.NOTICE_HOOK_URL = address
    world.standing.clear()  # before the channel is told of it
    world.run()
    assert [one.get_json()["data"]["facts"]["number"] for one in world.hooked] == [7, 7, 7, 7]
    assert len(world.box.mails) == 6


@pytest.mark.sql("new")
def test_without_a_channel_nothing_is_watched(world: World, settings: Settings) -> None:
    world.run()
    settings.NOTICE_MAIL_TO = settings.NOTICE_HOOK_URL = ""
    world.standing["a"] = {"number": 7}
    watching.watch()
    assert not Notice.objects.exists()
    started = notice_threads.start_in_worker(threading.Event(), threading.Event(), lambda _name, duty: duty())
    assert started == []
    assert not WatchedCause.objects.exists()


# --- Receivers that fail, are slow and come back ------------------------------------------------------
@pytest.mark.sql("new")
def test_both_channels_fail_and_come_back_and_each_cause_is_told_once(world: World) -> None:
    answers = [OK]
    world.box.answer = lambda: answers[0]
    with time_machine.travel(START, tick=False) as at:
        answers[0], world.hook_status = "451 try later", 503
        world.standing |= {str(number): {"number": number} for number in range(5)}
        for _ in range(4):
            world.run()
            at.shift(60)
        del world.standing["0"]  # ends before anybody could be told
        world.run()
        assert (world.types, world.box.mails) == ([], [])
        assert {one.problem for one in deliveries(Channel.MAIL).exclude(attempts=0)} == {"smtp_451"}
        assert {one.problem for one in deliveries(Channel.HOOK).exclude(attempts=0)} == {"http_503"}
        [failing] = [line for line in status.lines() if line.name == "notices_mail"]
        assert failing.level is status.Level.CRITICAL
        assert "smtp_451" in failing.text
        assert "6 waiting" in failing.text
        answers[0] = OK  # one comes back, the other does not
        at.shift(3600)
        world.run()
        assert len(world.box.mails) == 6
        assert world.types == []
        world.hook_status = 204
        for _ in range(3):
            at.shift(3600)
            world.run()
    assert sorted(world.types) == ["thing.ended"] + 5 * ["thing.opened"]
    by_number = [(one.get_json()["data"]["facts"]["number"], one.get_json()["type"]) for one in world.hooked]
    assert [kind for number, kind in by_number if number == 0] == ["thing.opened", "thing.ended"]
    assert len({*world.hook_ids}) == len(world.hook_ids) == 6
    assert len({*world.box.ids}) == len(world.box.ids) == 6
    assert {one.headers["webhook-id"] for one in world.refused} <= {*world.hook_ids}
    assert {one.state for one in Delivery.objects.all()} == {State.SENT}
    assert [line.level for line in status.lines() if line.name.startswith("notices_")] == [0, 0]


def test_attempts_have_growing_pauses_and_an_end_that_is_shown(world: World) -> None:
    world.hook_status = 500
    tried = []
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"number": 7}
        world.run()
        for _ in range(6 * 24 * 3):
            before = len(world.refused)
            at.shift(600)
            world.send()
            if len(world.refused) > before:
                tried.append(dt.datetime.now(dt.UTC) - START)
        [delivery] = deliveries(Channel.HOOK)
        assert delivery.state == State.GIVEN_UP
        assert delivery.attempts == len(world.refused)
        assert 12 < len(world.refused) < 22
        assert tried[-1] <= watching.GIVE_UP_AFTER
        gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
        assert max(gaps) <= dt.timedelta(hours=4.5)
        [line] = [line for line in status.lines() if line.name == "notices_hook"]
        assert line.level is status.Level.CRITICAL
        assert "1 notice was given up" in line.text
        at.shift(dt.timedelta(days=40))
        del world.standing["a"]
        world.run()
        at.shift(dt.timedelta(days=40))
        world.run()
        line = line_of(Channel.HOOK)
        assert line.level is status.Level.CRITICAL, "It does not become well by itself"
        assert line_of(Channel.MAIL).moment is not None, "Its last result is kept"
        world.hook_status = 200
        world.standing["b"] = {"number": 8}
        world.run()
        assert line_of(Channel.HOOK).level is status.Level.OK
        assert world.types == ["thing.opened"], "Not the end of what it did not get"


def test_channel_without_a_result_says_for_how_long(world: World) -> None:
    line = line_of(Channel.MAIL)
    assert (line.level, line.text) == (status.Level.OK, "Nothing sent in the last 30 days. 0 waiting.")


def test_notice_that_waited_for_days_has_all_its_attempts(world: World) -> None:
    world.hook_status = 503
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"number": 7}
        watching.watch()
        at.shift(dt.timedelta(days=3))  # every process was down
        world.send()
        assert deliveries(Channel.HOOK).get().state == State.WAITING
        world.hook_status = 200
        at.shift(60)
        world.send()
    assert world.types == ["thing.opened"]


@pytest.mark.sql("new")
def test_message_that_cannot_be_made_is_shown_and_stops_no_other(world: World) -> None:
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"other": 7}  # its sentence needs a number
        world.run()
        at.shift(1)
        world.standing["b"] = {"number": 8}
        world.run()
        assert world.types == ["thing.opened"]
        assert len(world.box.mails) == 1
        assert "Fails (fault)." in line_of(Channel.HOOK).text
        for _ in range(300):
            at.shift(600)
            world.send()
    assert [one.state for one in deliveries(Channel.HOOK)] == [State.GIVEN_UP, State.SENT]


def test_receiver_may_ask_for_a_longer_pause(world: World, httpserver: HTTPServer) -> None:
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data(status=429, headers={"Retry-After": "900"})
    with time_machine.travel(START, tick=False):
        world.standing["a"] = {"number": 7}
        world.run()
    assert deliveries(Channel.HOOK).get().due_at == START + dt.timedelta(seconds=900)


def test_deliveries_of_a_channel_that_was_switched_off_are_given_up(world: World, settings: Settings) -> None:
    world.hook_status = 500
    with time_machine.travel(START, tick=False) as at:
        world.standing["a"] = {"number": 7}
        world.run()
        settings.NOTICE_HOOK_URL = ""
        at.shift(watching.GIVE_UP_AFTER + dt.timedelta(minutes=1))
        watching.watch()
    assert deliveries(Channel.HOOK).get().problem == "channel_off"


@pytest.mark.sql("new")
def test_ended_notices_are_deleted_after_a_month(world: World) -> None:
    with time_machine.travel(START, tick=False) as at:
        world.standing = {"a": {"number": 1}, "b": {"number": 2}}
        world.run()
        del world.standing["a"]
        world.run()
        at.shift(watching.DELETE_AFTER + dt.timedelta(minutes=1))
        world.run()
        assert {one.key for one in Notice.objects.all()} == {"a", "b"}, "The last result of the channels"
        world.standing["c"] = {"number": 3}
        for _ in range(2):
            world.run()
    assert [one.key for one in Notice.objects.order_by("pk")] == ["b", "c"]


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


# --- At least once --------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_attempt_that_never_returned_is_repeated_after_its_lease_with_the_same_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the answer of the receiver and the row."""

    class Killed(BaseException):
        pass

    def die(_self: Deliverer) -> None:
        if world.hooked and not Delivery.objects.filter(state=State.SENT).exists():
            raise Killed

    with time_machine.travel(START, tick=False) as at:
        watching.watch()
        world.standing["a"] = {"number": 7}
        watching.watch()
        with monkeypatch.context() as patch:
            patch.setattr(Deliverer, "_store_sent", die)
            with pytest.raises(Killed):
                world.deliverers[1].send_due()
        world.deliverers = [Deliverer(one) for one in senders()]  # another process
        world.send()
        assert len(world.hooked) == 1, "Within the lease nobody else sends it"
        at.shift(LEASE)
        world.send()
        world.send()
    assert len(world.hooked) == 2
    assert len({*world.hook_ids}) == 1, "The receiver can drop it"
    assert deliveries(Channel.HOOK).get().attempts == 2


@pytest.mark.sql("new")
def test_result_that_the_database_does_not_accept_is_stored_later_and_not_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.standing["a"] = {"number": 7}
    watching.watch()
    update = QuerySet.update

    def lost(self: QuerySet[Any], **values: Any) -> int:
        if values.get("state") == State.SENT:
            raise DatabaseError
        return update(self, **values)

    hook_deliverer = world.deliverers[1]
    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "update", lost)
        with pytest.raises(DatabaseError):
            hook_deliverer.send_due()
    with time_machine.travel(dt.datetime.now(dt.UTC) + 2 * LEASE, tick=False):
        assert not hook_deliverer.send_due()
    assert len(world.hooked) == 1
    assert deliveries(Channel.HOOK).get().state == State.SENT


@pytest.mark.sql("new")
def test_late_failure_does_not_overwrite_a_later_attempt(world: World) -> None:
    world.standing["a"] = {"number": 7}
    watching.watch()

    def overtaken(_message: object) -> None:
        Delivery.objects.filter(channel=Channel.HOOK).update(attempts=2)  # another process, after the lease
        raise NotAcceptedError("timeout")

    [_, one] = senders()
    Deliverer(type(one)(one.channel, overtaken)).send_due()
    assert deliveries(Channel.HOOK).get().problem == ""


# --- Secrets --------------------------------------------------------------------------------------
def test_secrets_appear_in_no_row_log_status_or_output(
    world: World,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    httpserver: HTTPServer,
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.NOTICE_HOOK_URL = httpserver.url_for("/hook") + "?token=tok-9c1f"
    with mail_server("portal", "another password") as box:
        settings.SMTP_PORT, settings.SMTP_USER, settings.SMTP_PASSWORD = box.port, "portal", "pass-5e77-word"
        world.hook_status = 500
        world.standing["a"] = {"number": 7}
        world.run()
        with pytest.raises(CommandError):
            call_command("send_test_notice")
    assert deliveries(Channel.MAIL).get().problem == "smtp_535"
    lines = [f"{one.label} {one.text}" for one in status.lines()]
    rows = [*Delivery.objects.values_list(), *Notice.objects.values_list()]
    logged = [one.getMessage() for one in caplog.records if one.name not in {"werkzeug", "mail.log"}]
    everything = f"{logged} {lines} {rows} {capsys.readouterr()}"
    assert "smtp_535" in everything
    assert "code=http_500" in everything
    for secret in ("tok-9c1f", "pass-5e77-word", SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in everything


def test_mail_server_may_ask_for_a_password(world: World, settings: Settings) -> None:
    with mail_server("portal", "pass-5e77-word") as box:
        settings.SMTP_PORT, settings.SMTP_USER, settings.SMTP_PASSWORD = box.port, "portal", "pass-5e77-word"
        world.standing["a"] = {"number": 7}
        world.run()
        assert box.users == [b"portal"]


# --- The command ----------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_test_notice_goes_over_each_channel(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("send_test_notice")
    assert world.types == ["test.opened"]
    assert [one["Subject"] for one in world.box.mails] == ["[Consumer Portal] Test notice"]
    assert capsys.readouterr().out.count("accepted") == 2
    assert not Delivery.objects.exists()


def test_test_notice_without_a_channel(settings: Settings) -> None:
    with pytest.raises(CommandError, match="No channel is on"):
        call_command("send_test_notice")
    [line] = [line for line in status.lines() if line.name.startswith("notices")]
    assert "Off" in line.text


# --- Who watches ----------------------------------------------------------------------------------
@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)  # the web process closes its connections
def test_web_process_stands_in_only_while_no_worker_has_a_heartbeat(world: World) -> None:
    world.standing["a"] = {"number": 7}
    heartbeats.record_heartbeat(heartbeats.WORKER)
    stand_in()
    assert world.types == []
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=3)):
        stand_in()
    assert world.types == ["thing.opened"]


def stand_in() -> None:
    """What the threads of a web process do, in turn."""
    for name, duty, _interval in notice_threads.duties(lambda: False):
        notice_threads.stand_in(name, duty)


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", ["cause", "mail"])
def test_what_fails_in_a_web_process_stops_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def broken(*_: object) -> list[Found]:
        raise ZeroDivisionError

    if fails == "cause":
        bad = Cause("slow", "Slow", "Slow.", broken)
        monkeypatch.setattr(watching, "registered", lambda: (bad, *world.causes()))
    else:
        claim = Deliverer._claim
        monkeypatch.setattr(
            Deliverer, "_claim", lambda one: (broken if one.sender.channel == Channel.MAIL else claim)(one)
        )
    world.standing["a"] = {"number": 7}
    stand_in()
    assert world.types == ["thing.opened"]
    assert len(world.box.mails) == (fails == "cause")


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_slow_channel_of_a_web_process_delays_no_other_and_ends_when_a_worker_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The mail server holds its answer until the web hook has been called."""
    hooked, alive, worker_is_back = threading.Event(), threading.Event(), threading.Event()
    tried: list[bool] = []

    def held() -> str:
        tried.append(hooked.wait(20))
        worker_is_back.set()
        return OK

    world.box.answer = held
    accept = world._answer
    world.server.clear()

    def hooked_now(request: Request) -> Response:
        answer_ = accept(request)
        hooked.set()
        return answer_

    world.server.expect_request("/hook").respond_with_handler(hooked_now)
    for key in ("a", "b"):
        world.standing[key] = {"number": 7}
    watching.watch()
    monkeypatch.setattr(notice_threads, "WEB_INTERVAL", 0.05)
    monkeypatch.setattr(notice_threads, "_worker_runs", worker_is_back.is_set)
    settings.WORKER_SILENT_SECONDS = 0
    alive.set()
    threads = notice_threads.start_in_web(alive.is_set)
    try:
        assert wait_for(deliveries(Channel.MAIL).filter(state=State.SENT).exists, 30)
    finally:
        alive.clear()
        for thread in threads:
            thread.join(30)
    assert tried == [True], "One mail, at once with the web hook, and none after the worker's heartbeat"


@pytest.mark.sql("new")
def test_end_of_a_cause_waits_for_its_beginning(world: World) -> None:
    world.standing["a"] = {"number": 7}
    watching.watch()
    del world.standing["a"]
    watching.watch()
    Delivery.objects.filter(about=About.OPENED).update(due_at=START + dt.timedelta(days=10_000))
    world.send()
    assert world.types == []
