"""The control address."""

import json

import pytest

from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.catalogue import CONNECTION_FAULTS, REQUEST_FAULTS
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, consumers_path


def test_fault_is_armed_listed_and_cleared(caller: Caller) -> None:
    armed = caller.post("/_sandbox/faults", {"fault": "429", "times": 2, "order": SAMPLE_ORDER})
    listed = caller.get("/_sandbox/faults").json
    cleared = caller.send("DELETE", "/_sandbox/faults")

    expected = {
        "fault": "429",
        "times": 2,
        "order": SAMPLE_ORDER,
        "operation": "create_order_consumer",
        "seconds": None,
    }
    assert (armed.status, armed.json) == (201, expected)
    assert listed["armed"] == [expected]
    assert (cleared.status, cleared.body) == (204, b"")
    assert caller.create(SAMPLE_ORDER).status == 200


def test_list_of_faults_describes_each(caller: Caller) -> None:
    known = {fault["fault"]: fault for fault in caller.get("/_sandbox/faults").json["known"]}

    assert known.keys() == {**REQUEST_FAULTS, **CONNECTION_FAULTS}.keys()
    assert known["reset_after"] == {
        "fault": "reset_after",
        "when": "after",
        "done": True,
        "description": "connection reset, no answer",
        "outcome": "unknown",
        "outcome_over_tls": "unknown",
        "order": FAULT_ORDERS["reset_after"],
        "makes": 1,
    }
    assert (known["reset_before"]["when"], known["reset_before"]["done"]) == ("before", False)
    assert (known["expired"]["outcome"], known["expired"]["outcome_over_tls"]) == (None, "not_sent")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fault": "nonsense"},
        {"fault": ["401"]},
        {"fault": "401", "times": 0},
        {"fault": "401", "times": True},
        {"fault": "401", "times": "2"},
        {"fault": "401", "order": 1},
        {"fault": "401", "operation": "nonsense"},
        {"fault": "401", "time": 2},
        {"fault": "slow", "seconds": 0},
        {"fault": "slow", "seconds": 3601},
        {"fault": "slow", "seconds": True},
        {"fault": "slow", "seconds": "2"},
        {"fault": "refuse", "order": SAMPLE_ORDER},
        {"fault": "401", "order": SAMPLE_ORDER, "operation": "retrieve_order_consumer"},
        {"fault": "401", "order": SAMPLE_ORDER, "operation": "update_order_consumer"},
        {"fault": "401", "order": SAMPLE_ORDER, "operation": "list_orders"},
        {"fault": "401", "order": SAMPLE_ORDER, "operation": "search_guests"},
        {"fault": "reset_on_accept", "operation": "create_order_consumer"},
        {"fault": "expired"},
        [],
    ],
)
def test_fault_that_cannot_be_armed_is_a_400_and_arms_nothing(caller: Caller, body: object) -> None:
    assert caller.post("/_sandbox/faults", body).status == 400
    assert caller.get("/_sandbox/faults").json["armed"] == []


@pytest.mark.parametrize("operation", ["list_order_consumers", "retrieve_order", "list_order_contacts"])
def test_fault_on_one_order_is_armed_for_operations_of_an_order(caller: Caller, operation: str) -> None:
    values = {"fault": "401", "order": SAMPLE_ORDER, "operation": operation}
    assert caller.post("/_sandbox/faults", values).status == 201


def test_switches_are_turned_one_by_one(caller: Caller, server: SandboxServer) -> None:
    caller.post("/_sandbox/switches", {"create_status": 201})
    answer = caller.post("/_sandbox/switches", {"lag_seconds": 1.5})

    assert answer.json["create_status"] == 201
    assert caller.get("/_sandbox/switches").json == answer.json
    assert server.sandbox.switches == Switches(create_status=201, lag_seconds=1.5)
    assert caller.create(SAMPLE_ORDER).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {"create_status": 202},
        {"create_status": True},
        {"retrieve_status": "200"},
        {"list_items": []},
        {"flavour": "v3"},
        {"lag_seconds": -1},
        {"lag_seconds": False},
        {"updates": 1},
        {"key_case": "camel"},
        {"link_names": "upper"},
        {"next_link": ""},
        {"page_size": 101},
        {"page_size": True},
        {"page_size": 1.0},
        {"nonsense": 1},
    ],
)
def test_unknown_or_invalid_switch_is_a_400_and_changes_nothing(
    caller: Caller, server: SandboxServer, body: dict[str, object]
) -> None:
    assert caller.post("/_sandbox/switches", {"create_status": 201, **body}).status == 400
    assert server.sandbox.switches == Switches()


def test_stored_consumers_are_shown_with_their_text_and_the_guest_effect(caller: Caller) -> None:
    text = '{"firstName":  "Maeve", "lastName": "Tully"}'
    created = caller.send("POST", consumers_path(SAMPLE_ORDER), text).json

    (shown,) = caller.get(f"/_sandbox/consumers?order={SAMPLE_ORDER}").json["consumers"]

    assert shown == {
        "ref": created["ref"],
        "order_ref": SAMPLE_ORDER,
        "guest_ref": created["guest"]["href"].rpartition("/")[2],
        "body": text,
        "guest_effect": "created",
        "matched_by": "",
        "created_at": "2026-11-23T12:00:00+00:00",
        "modified_at": None,
        "listed_at": None,
    }
    assert len(caller.get("/_sandbox/consumers").json["consumers"]) > 1


def test_every_request_on_the_wire_is_counted_and_the_control_address_is_not(caller: Caller) -> None:
    caller.create(SAMPLE_ORDER)
    caller.get("/v2.1/orders?referenceId=B94TXY-1")
    caller.send("GET", "/v2.1/nothing", authorization="")
    caller.get("/_sandbox/consumers")

    counted = caller.get("/_sandbox/requests").json["requests"]

    seen = [(one["method"], one["path"], one["status"], one["done"], one["operation"]) for one in counted]
    assert seen == [
        ("POST", consumers_path(SAMPLE_ORDER), 200, True, "create_order_consumer"),
        ("GET", "/v2.1/orders?referenceId=B94TXY-1", 200, False, "list_orders"),
        ("GET", "/v2.1/nothing", 401, False, ""),
    ]
    assert all(one["body_read"] for one in counted)
    later = caller.get(f"/_sandbox/requests?after={counted[1]['seq']}").json["requests"]
    assert later == counted[2:]


def test_unknown_control_address_lists_the_known_ones(caller: Caller) -> None:
    answer = caller.get("/_sandbox/nothing")

    assert answer.status == 404
    assert "/_sandbox/faults" in answer.json["developerMessage"]
    assert caller.send("PUT", "/_sandbox/faults", json.dumps({})).status == 405
    assert caller.get("/_sandbox/requests?after=x").status == 400
