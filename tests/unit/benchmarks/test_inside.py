from __future__ import annotations

import time

import pytest

from benchmarks.inside import Clock


class Work:
    """Two functions; the outer one calls the inner one."""

    def outer(self) -> str:
        self.inner()
        return "done"

    def inner(self) -> None:
        time.sleep(0.02)


def test_time_of_a_nested_stage_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("outer", "inner"):
        monkeypatch.setattr(Work, name, getattr(Work, name))  # restored afterwards
    clock = Clock()
    clock.watch(Work, "outer", "out")
    clock.watch(Work, "inner", "in")
    assert Work().outer() == "done"
    assert clock.spent["in"] >= 0.02
    assert clock.spent["out"] < clock.spent["in"]


def test_missing_function_of_a_stage_is_an_error() -> None:
    with pytest.raises(AttributeError):
        Clock().watch(Work, "gone", "gone")
