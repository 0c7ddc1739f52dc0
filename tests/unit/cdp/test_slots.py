"""A process makes a limited number of calls at the same time; none waits for a slot."""

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
