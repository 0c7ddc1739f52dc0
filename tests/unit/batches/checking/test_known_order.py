"""What is known about an order is prepared once for all rows of a list."""

from __future__ import annotations

from collections import Counter

import pytest

from apps.batches.checking import known_order
from apps.batches.checking.known_order import KnownOrder
from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import OrderConsumer
from apps.core import clock


def _known_order(*, is_whole: bool) -> KnownOrder:
    consumer = OrderConsumer.from_json({"ref": "AB-1", "firstName": "Ida"})
    known = ListedConsumers(("AB-1", "AB-2"), (consumer,), has_ended=is_whole, is_whole=is_whole)
    return KnownOrder(clock.now(), known)


@pytest.mark.parametrize(
    ("consumer", "is_whole", "may_have"),
    [
        ("ab1", True, False),  # it was compared again
        ("ab1", False, False),
        ("ab2", True, True),
        ("ab3", True, False),
        ("ab3", False, True),
    ],
)
def test_consumer_of_an_earlier_warning_may_still_be_on_the_order(
    consumer: str, is_whole: bool, may_have: bool
) -> None:
    assert _known_order(is_whole=is_whole).may_still_have(consumer) is may_have


def test_references_are_prepared_once_whatever_the_number_of_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: Counter[str] = Counter()

    def counted(reference: str) -> str:
        prepared[reference] += 1
        return reference

    monkeypatch.setattr(known_order, "reference_key", counted)
    found = _known_order(is_whole=True)
    for number in range(100):
        found.may_still_have(f"ab{number}")
    assert prepared == {"AB-1": 2, "AB-2": 1}
