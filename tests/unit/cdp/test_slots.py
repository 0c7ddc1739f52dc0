"""A process makes a limited number of calls at the same time; none waits for a slot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpBusy, CdpNotConfigured
from apps.cdp.slots import Slots
from tests.support.cdp_clients import client_of


def in_another_thread(slots: Slots) -> bool:
    """Whether another thread gets a slot now."""
    got: list[bool] = []

    def take() -> None:
        try:
            with slots.hold():
                got.append(True)
        except CdpBusy:
            got.append(False)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(5)
    return got[0]


def test_call_beyond_the_limit_is_refused_immediately_until_a_slot_is_free() -> None:
    slots = Slots(1)
    with slots.hold():
        assert not in_another_thread(slots)
    assert in_another_thread(slots)


def test_thread_with_a_slot_needs_no_second_one() -> None:
    slots = Slots(1)
    with slots.hold(), slots.hold():
        assert not in_another_thread(slots)
    assert in_another_thread(slots)


def test_lookups_leave_a_slot_for_creates() -> None:
    slots = Slots(4)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(_in_its_own_thread(slots))
        with pytest.raises(CdpBusy), slots.hold_for_lookup():
            pass
        with slots.hold():
            assert not in_another_thread(slots)
    with slots.hold_for_lookup(), slots.hold():
        assert in_another_thread(slots), "A thread with a slot needs no second one"


@pytest.mark.parametrize(("limit", "lookups"), [(1, 1), (2, 1), (4, 3), (5, 4), (8, 6), (10, 8)])
def test_lookups_have_three_quarters_of_the_slots(limit: int, lookups: int) -> None:
    slots = Slots(limit)
    with ExitStack() as held:
        for _ in range(lookups):
            held.enter_context(_in_its_own_thread(slots))
        with pytest.raises(CdpBusy), slots.hold_for_lookup():
            pass


@contextmanager
def _in_its_own_thread(slots: Slots) -> Iterator[None]:
    """Hold a slot for look-ups in another thread."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with slots.hold_for_lookup():
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)
    try:
        yield
    finally:
        done.set()
        thread.join(5)


def test_client_holds_the_slots_of_its_exchange() -> None:
    exchange = client_of("http://127.0.0.1:1")._wire()
    slots = Slots(1)
    client = CdpClient(replace(exchange, slots=slots))
    for hold in (client.slot, client.lookup_slot):
        with hold():
            assert not in_another_thread(slots)
        assert in_another_thread(slots)


def test_client_without_settings_needs_no_slot() -> None:
    client = CdpClient(CdpNotConfigured())
    with client.slot(), client.lookup_slot():
        pass


def test_single_slot_is_shared() -> None:
    slots = Slots(1)
    with slots.hold_for_lookup():
        assert not in_another_thread(slots)
    assert in_another_thread(slots)


def test_failed_call_releases_its_slot() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.hold():
        raise ZeroDivisionError
    assert in_another_thread(slots)


def test_busy_means_that_nothing_was_sent() -> None:
    assert CdpBusy().outcome == "not_sent"


def test_limit_of_no_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Slots(0)
