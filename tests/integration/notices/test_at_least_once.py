"""A message is sent at least once, whatever becomes of its process or of the database."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError
from django.db.models import QuerySet

from apps.notices import watching
from apps.notices.channels import NotAcceptedError, senders
from apps.notices.delivering import LEASE, Deliverer
from apps.notices.models import Channel, Delivery, State
from tests.support.notice_world import START, World, deliveries

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


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
