"""Web processes watch and send while no worker does."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db.models import F
from pytest_django import Settings
from werkzeug import Request, Response

from apps.core import heartbeats
from apps.core.models import Heartbeat
from apps.notices import watching
from apps.notices.causes import Cause, Found
from apps.notices.delivering import Deliverer
from apps.notices.models import Channel, State
from consumerportal import notice_threads
from tests.support.notice_receivers import OK
from tests.support.notice_world import World, deliveries
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)  # the web process closes its connections
def test_web_process_stands_in_only_while_no_worker_has_a_heartbeat(world: World) -> None:
    world.standing["a"] = {"number": 7}
    heartbeats.record_heartbeat(heartbeats.WORKER)
    stand_in()
    assert world.types == []
    Heartbeat.objects.update(seen_at=F("seen_at") - dt.timedelta(minutes=3))
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
