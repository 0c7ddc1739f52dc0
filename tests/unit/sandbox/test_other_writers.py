"""Changes to an order by other systems: added consumers, and lists that change between pages."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.data.seed import GROUP_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, consumers_path, ref_of

TWIN = {"firstName": "Maeve", "lastName": "Tully"}
CONSUMERS = "/_sandbox/consumers"


def listed(caller: Caller, query: str = "limit=100", order: str = SAMPLE_ORDER, **headers: str) -> list[str]:
    page = caller.send("GET", f"{consumers_path(order)}?{query}", **headers).json
    return [ref_of(item["href"]) for item in page["items"]]


def switch(caller: Caller, **switches: object) -> None:
    assert caller.post("/_sandbox/switches", switches).status == 200


# --- Consumers of other systems -------------------------------------------------------------------
def test_consumer_of_another_system_is_added_without_a_request(caller: Caller, server: SandboxServer) -> None:
    added = caller.post(CONSUMERS, {"order": SAMPLE_ORDER.upper(), "body": TWIN})
    assert added.status == 201
    assert listed(caller) == [added.json["ref"]]
    assert caller.get(f"/v2.1/orderConsumers/{added.json['ref']}").json["lastName"] == "Tully"
    assert [request.operation for request in server.sandbox.requests()] == [
        "list_order_consumers",
        "retrieve_order_consumer",
    ]


def test_older_twin_can_be_hidden_and_shown_later(caller: Caller) -> None:
    switch(caller, created_at="always")
    hidden = {"order": SAMPLE_ORDER, "body": TWIN, "created_at": "2020-01-01T00:00:00Z", "listed_in": 3600}
    ref = caller.post(CONSUMERS, hidden).json["ref"]
    assert listed(caller) == []
    assert caller.get(f"/v2.1/orderConsumers/{ref}").json["createdAt"] == "2020-01-01T00:00:00Z"
    assert caller.post(CONSUMERS, {"ref": ref.upper()}).status == 200
    assert listed(caller) == [ref]
    assert caller.post(CONSUMERS, {"ref": ref, "listed_in": 60}).status == 200
    assert listed(caller) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"order": SAMPLE_ORDER},
        {"order": SAMPLE_ORDER, "body": []},
        {"order": "nowhere", "body": TWIN},
        {"ref": "nobody"},
        {"ref": 1},
        {"order": SAMPLE_ORDER, "body": TWIN, "created_at": "yesterday"},
        {"order": SAMPLE_ORDER, "body": TWIN, "listed_in": -1},
        {"order": SAMPLE_ORDER, "body": TWIN, "listed_in": True},
        {"order": SAMPLE_ORDER, "body": TWIN, "colour": "blue"},
    ],
)
def test_invalid_addition_is_a_400_and_adds_nothing(
    caller: Caller, server: SandboxServer, wrong: dict[str, Any]
) -> None:
    before = len(server.sandbox.consumers())
    assert caller.post(CONSUMERS, wrong).status == 400
    assert len(server.sandbox.consumers()) == before


def test_added_consumer_survives_a_restart(caller: Caller, server: SandboxServer) -> None:
    caller.post(CONSUMERS, {"order": SAMPLE_ORDER, "body": TWIN, "listed_in": 3600})
    [stored] = server.sandbox.consumers(SAMPLE_ORDER)
    assert stored.listed_at is not None
    assert stored.listed_at > stored.created_at


def test_reference_can_return_the_oldest_consumer_of_the_order(caller: Caller) -> None:
    oldest, newest = (caller.create(SAMPLE_ORDER, lastName=name).json["ref"] for name in ("One", "Two"))
    switch(caller, retrieved="oldest")
    assert caller.get(f"/v2.1/orderConsumers/{newest}").json["ref"] == oldest
    switch(caller, retrieved="own")
    assert caller.get(f"/v2.1/orderConsumers/{newest}").json["ref"] == newest


# --- Lists that change between pages --------------------------------------------------------------
def test_each_request_gets_a_differently_shuffled_list(caller: Caller) -> None:
    whole = listed(caller, order=GROUP_ORDER)
    switch(caller, paging="shuffled")
    first, second = (listed(caller, order=GROUP_ORDER) for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(whole)
    assert first != second


def test_overlapping_page_begins_with_the_last_item_of_the_previous_page(caller: Caller) -> None:
    whole = listed(caller, order=GROUP_ORDER)
    switch(caller, paging="overlapping")
    assert listed(caller, "limit=10", GROUP_ORDER) == whole[:10]
    assert listed(caller, "limit=10&offset=10", GROUP_ORDER)[0] == whole[9]


def test_gap_is_an_empty_page_with_a_next_link(caller: Caller) -> None:
    switch(caller, paging="gap", page_size=10)
    page = caller.get(f"{consumers_path(GROUP_ORDER)}?offset=10").json
    assert page["items"] == []
    assert "offset=20" in page["next"]["href"]
    assert "next" not in caller.get(f"{consumers_path(GROUP_ORDER)}?offset=1000").json


@pytest.mark.parametrize(
    ("kind", "asked_freshly", "otherwise", "has_age"),
    [
        ("none", 1, 1, False),
        ("obeying", 1, 0, True),
        ("stubborn", 0, 0, True),
        ("silent", 0, 0, False),
    ],
)
def test_cache_repeats_the_first_answer(
    caller: Caller, kind: str, asked_freshly: int, otherwise: int, has_age: bool
) -> None:
    switch(caller, cache=kind)
    assert listed(caller) == []
    caller.create(SAMPLE_ORDER)
    assert len(listed(caller, cache_control="max-age=0, No-Cache")) == asked_freshly
    switch(caller, cache=kind)  # empties the cache
    caller.post(CONSUMERS, {"ref": caller.create(SAMPLE_ORDER).json["ref"], "listed_in": 3600})
    assert len(listed(caller)) == 1
    caller.create(SAMPLE_ORDER)
    reply = caller.get(f"{consumers_path(SAMPLE_ORDER)}?limit=100")
    assert len(reply.json["items"]) == 1 + otherwise
    assert ("Age" in reply.headers) is has_age


@pytest.mark.parametrize(
    ("flavour", "created_at", "is_dated"),
    [
        ("current", "flavour", False),
        ("legacy", "flavour", True),
        ("current", "always", True),
        ("legacy", "never", False),
    ],
)
def test_creation_time_of_a_consumer_is_a_switch(
    caller: Caller, flavour: str, created_at: str, is_dated: bool
) -> None:
    switch(caller, flavour=flavour, created_at=created_at)
    assert ("createdAt" in caller.create(SAMPLE_ORDER).json) is is_dated
