"""What the portal knows about an order, from the list of now and from what the panel read before."""

from __future__ import annotations

import pytest

from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import OrderConsumer
from apps.consumers.duplicates.known import NOT_READ, known_on_order


def _listed(refs: str, *consumers: OrderConsumer, is_whole: bool = True) -> ListedConsumers:
    return ListedConsumers(tuple(refs.split()), consumers, has_ended=is_whole, is_whole=is_whole)


def _names(known: ListedConsumers) -> list[str]:
    return [consumer.first_name for consumer in known.consumers]


A, B, OLD_A = OrderConsumer("a", first_name="Ann"), OrderConsumer("b-1", first_name="Ben"), OrderConsumer("A")


def test_without_any_reading_nothing_is_known() -> None:
    assert known_on_order(None, None) is NOT_READ


def test_list_of_now_is_taken_as_it_is() -> None:
    listed = _listed("a b-1", A, B)
    assert known_on_order(listed, None) == listed
    assert known_on_order(listed, listed) == listed


def test_list_of_references_takes_the_data_from_the_panels_reading() -> None:
    known = known_on_order(_listed("a B1 c"), _listed("a b-1", A, B))
    assert (known.refs, _names(known), known.is_whole) == (("a", "B1", "c"), ["Ann", "Ben"], True)


def test_each_consumer_is_known_once_and_as_it_was_read_last() -> None:
    known = known_on_order(_listed("a", A, is_whole=False), _listed("A", OLD_A))
    assert (known.refs, _names(known)) == (("a",), ["Ann"])


@pytest.mark.parametrize(("is_whole", "names"), [(True, ["Ann"]), (False, ["Ann", "Ben"])])
def test_consumer_of_the_reading_that_is_not_listed_counts_unless_the_list_is_whole(
    is_whole: bool, names: list[str]
) -> None:
    known = known_on_order(_listed("a", A, is_whole=is_whole), _listed("a b-1", A, B))
    assert (_names(known), known.is_whole) == (names, is_whole)


def test_old_reading_alone_is_never_whole() -> None:
    known = known_on_order(None, _listed("a", A))
    assert (known.refs, _names(known), known.is_whole) == (("a",), ["Ann"], False)
