"""A process makes so many calls at a time and no more, and nobody waits for a place."""

from __future__ import annotations

import threading

import pytest

from apps.cdp.errors import CdpBusy
from apps.cdp.slots import Slots


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


def test_beyond_the_limit_a_call_is_refused_at_once_and_after_it_there_is_room_again() -> None:
    slots = Slots(1)
    with slots.hold():
        assert not in_another_thread(slots)
    assert in_another_thread(slots)


def test_a_thread_that_holds_a_slot_needs_no_second_one() -> None:
    slots = Slots(1)
    with slots.hold(), slots.hold():
        assert not in_another_thread(slots)
    assert in_another_thread(slots)


def test_a_call_that_fails_gives_its_slot_back() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.hold():
        raise ZeroDivisionError
    assert in_another_thread(slots)


def test_busy_means_that_nothing_was_sent() -> None:
    assert CdpBusy().outcome == "not_sent"


def test_a_process_that_may_make_no_call_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Slots(0)
