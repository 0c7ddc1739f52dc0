"""Receivers fail, are slow and come back: when each message is tried, and when it is given up."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
import time_machine
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from apps.notices import watching
from apps.notices.models import About, Channel, Delivery, Notice, State
from consumerportal import status
from tests.support.notice_receivers import OK
from tests.support.notice_world import START, World, deliveries, line_of

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


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


@pytest.mark.sql("new")
def test_end_of_a_cause_waits_for_its_beginning(world: World) -> None:
    world.standing["a"] = {"number": 7}
    watching.watch()
    del world.standing["a"]
    watching.watch()
    Delivery.objects.filter(about=About.OPENED).update(due_at=START + dt.timedelta(days=10_000))
    world.send()
    assert world.types == []
