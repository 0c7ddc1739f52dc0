from __future__ import annotations

import math
import time

from benchmarks.pace import highest_rate, paced
from tests.support.http_browser import Answer


def test_highest_rate_is_found_by_doubling_and_halving() -> None:
    tried: list[float] = []

    def step(rate: float) -> tuple[float, int]:
        tried.append(rate)
        return (0.02 if rate <= 50 else 0.3), 0

    assert highest_rate(step) == "48 (20 ms); at 56: 300 ms"
    assert tried == [8, 16, 32, 64, 48, 56]


def test_rate_at_which_creates_or_pages_fail_does_not_count() -> None:
    assert highest_rate(lambda rate: (0.02, int(rate))) == "none; at 2: 2 failed"
    assert highest_rate(lambda rate: (math.inf, 0)).startswith("none; at 2: pages failed")


def test_requests_start_at_their_rate_without_waiting_for_earlier_ones() -> None:
    def act() -> Answer:
        time.sleep(0.2)
        return Answer(200, "", "")

    began = time.perf_counter()
    results = paced(act, 50, 0.4)
    assert [result.status for result in results] == [200] * 20
    assert time.perf_counter() - began < 2, "One after the other would take 4 s"


def test_request_without_an_answer_is_recorded() -> None:
    def act() -> Answer:
        raise ConnectionResetError

    assert [result.status for result in paced(act, 100, 0.02)] == [0, 0]
