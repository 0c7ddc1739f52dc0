"""Each cause is reported once on each channel, and whether it is reported if it or a channel was off."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import time_machine
from pytest_django import Settings
from standardwebhooks import Webhook

from apps.notices import watching
from apps.notices.causes import Cause, Found, Search
from apps.notices.models import Channel, Notice, WatchedCause
from consumerportal import notice_threads, status
from tests.support.notice_receivers import NEXT_SECRET, SECRET
from tests.support.notice_world import START, World, deliveries, line_of

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


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


def test_momentary_cause_is_told_once(world: World) -> None:
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
def test_cause_that_is_off_is_not_told_and_momentary_ones_meanwhile_never(
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
def test_momentary_cause_and_end_that_wait_when_it_is_switched_off_are_not_sent(
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
    world.standing.clear()  # before it is reported on the channel
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
