"""The reads: lists with their pages, and single resources."""

import pytest

from sandbox.data.seed import (
    CROWDED_ORDERS,
    FAMILY_ORDER,
    GROUP_ORDER,
    ORDERS,
    ORDERS_SHARING_REFERENCE_ID,
    ORDERS_WITH_TRIPLE_REFERENCE_ID,
    REPEATED_REFERENCE_ID,
    SAMPLE_ORDER,
    SAMPLE_REFERENCE_ID,
    TRIPLE_REFERENCE_ID,
)
from sandbox.data.seed_guests import GUEST_WITH_PROFILE, GUESTS, GUESTS_SHARING_EMAIL, SHARED_EMAIL
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, consumers_path, ref_of
from tests.unit.sandbox.conftest import Clock

GROUP = next(order for order in ORDERS if order.ref == GROUP_ORDER)


def refs(caller: Caller, path: str) -> list[str]:
    answer = caller.get(path)
    assert answer.status == 200, answer.body
    return [ref_of(item["href"]) for item in answer.json["items"]]


def test_first_page_has_ten_and_links_to_the_next(caller: Caller, server: SandboxServer) -> None:
    path = consumers_path(GROUP_ORDER)
    first = caller.get(path).json
    second = caller.get(first["next"]["href"].removeprefix(server.base_url)).json

    assert (first["offset"], first["limit"], len(first["items"])) == (0, 10, 10)
    assert (second["offset"], len(second["items"])) == (10, len(GROUP.consumers) - 10)
    assert "prev" not in first
    assert "next" not in second
    assert second["prev"] == first["first"] == {"href": f"{server.base_url}{path}?offset=0&limit=10"}
    assert second["last"] == {"href": second["href"]}
    both = [item["href"] for page in (first, second) for item in page["items"]]
    assert len(set(both)) == len(GROUP.consumers)


def test_offset_counts_items_and_the_limit_is_capped(caller: Caller) -> None:
    everyone = refs(caller, f"{consumers_path(GROUP_ORDER)}?limit=500")

    assert refs(caller, f"{consumers_path(GROUP_ORDER)}?offset=3&limit=2") == everyone[3:5]
    assert refs(caller, f"{consumers_path(GROUP_ORDER)}?offset=999") == []
    assert caller.get(f"{consumers_path(GROUP_ORDER)}?limit=500").json["limit"] == 100


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=ten", "offset=-1", "offset=1.5", "limit=", "limit=%D9%A3"]
)
def test_invalid_page_is_a_400(caller: Caller, query: str) -> None:
    answer = caller.get(f"{consumers_path(GROUP_ORDER)}?{query}")

    assert answer.status == 400
    assert answer.json["message"].startswith(query.partition("=")[0] + ":")


def test_order_without_consumers_has_an_empty_list(caller: Caller) -> None:
    assert refs(caller, consumers_path(SAMPLE_ORDER)) == []


def test_consumers_are_bare_links_unless_expanded(caller: Caller) -> None:
    links = caller.get(consumers_path(FAMILY_ORDER)).json["items"]
    objects = caller.get(f"{consumers_path(FAMILY_ORDER)}?expand=true").json["items"]

    assert [set(item) for item in links] == [{"href"}] * 3
    assert [item["href"] for item in objects] == [item["href"] for item in links]
    assert [item["firstName"] for item in objects] == ["Sven", "Ingrid", "Olle"]


@pytest.mark.parametrize(
    ("shape", "keys"),
    [("links", {"href"}), ("refs", {"ref", "href"}), ("expanded", {"ref", "href", "firstName"})],
)
def test_format_of_the_list_can_be_fixed_independently_of_the_request(
    caller: Caller, server: SandboxServer, shape: str, keys: set[str]
) -> None:
    server.sandbox.switches = Switches(list_items=shape)
    for query in ("", "?expand=true"):
        (item, *_others) = caller.get(consumers_path(FAMILY_ORDER) + query).json["items"]
        assert set(item) & {"ref", "href", "firstName"} == keys


def test_created_consumer_is_not_listed_during_the_lag(
    caller: Caller, server: SandboxServer, clock: Clock
) -> None:
    server.sandbox.switches = Switches(lag_seconds=30)
    ref = caller.create(SAMPLE_ORDER).json["ref"]

    clock.advance(29)
    assert refs(caller, consumers_path(SAMPLE_ORDER)) == []
    assert caller.get(f"/v2.1/orderConsumers/{ref}").status == 200
    clock.advance(1)
    assert refs(caller, consumers_path(SAMPLE_ORDER)) == [ref]


def test_retrieved_consumer_equals_the_create_answer_and_can_be_a_201(
    caller: Caller, server: SandboxServer
) -> None:
    created = caller.create(SAMPLE_ORDER, gender="unknown").json
    path = f"/v2.1/orderConsumers/{created['ref'].upper()}"

    assert (caller.get(path).status, caller.get(path).json) == (200, created)
    server.sandbox.switches = Switches(retrieve_status=201)
    assert caller.get(path).status == 201


def test_legacy_flavour_has_dates_items_and_the_orders_own_link(
    caller: Caller, server: SandboxServer
) -> None:
    server.sandbox.switches = Switches(flavour="legacy")
    body = caller.create(SAMPLE_ORDER).json

    assert body["createdAt"] == body["modifiedAt"] == "2026-11-23T12:00:00Z"
    assert len(body["orderItems"]["items"]) == 1
    assert body["order"]["href"] == f"{server.base_url}/v2.1/orders/{SAMPLE_ORDER}"


def test_items_of_a_consumer_are_those_it_links_to(caller: Caller) -> None:
    (ref, *_others) = refs(caller, consumers_path(GROUP_ORDER))
    consumer = caller.get(f"/v2.1/orderConsumers/{ref}").json

    items = caller.get(f"/v2.1/orderConsumers/{ref}/orderItems").json["items"]

    assert items == consumer["orderItems"]["orderItems"]
    assert len(items) == GROUP.items


def test_orders_are_found_by_reference_id_and_one_can_have_several(caller: Caller) -> None:
    assert refs(caller, f"/v2.1/orders?referenceId={SAMPLE_REFERENCE_ID}") == [SAMPLE_ORDER]
    assert refs(caller, f"/v2.1/orders?referenceId={REPEATED_REFERENCE_ID}") == list(
        ORDERS_SHARING_REFERENCE_ID
    )
    assert refs(caller, "/v2.1/orders?referenceId=nothing") == []


def test_orders_in_a_list_have_their_ref_and_all_fields_when_expanded(caller: Caller) -> None:
    path = f"/v2.1/orders?referenceId={SAMPLE_REFERENCE_ID}"
    (plain,) = caller.get(path).json["items"]
    (expanded,) = caller.get(f"{path}&expand=true").json["items"]

    assert plain == {"ref": SAMPLE_ORDER, "href": expanded["href"]}
    assert expanded == caller.get(f"/v2.1/orders/{SAMPLE_ORDER}").json


def test_orders_are_found_by_guest_as_contact_and_as_consumer(caller: Caller) -> None:
    olle = next(guest.ref for guest in GUESTS if guest.first_name == "Olle")

    assert SAMPLE_ORDER in refs(caller, f"/v2.1/orders?guestRef={GUEST_WITH_PROFILE}&limit=100")
    assert refs(caller, f"/v2.1/orders?guestRef={olle.upper()}") == [FAMILY_ORDER]


@pytest.mark.parametrize("query", ["", "?referenceId=", "?referenceId=B94TXY-1&guestRef=x", "?expand=true"])
def test_orders_take_exactly_one_of_reference_id_and_guest(caller: Caller, query: str) -> None:
    assert caller.get(f"/v2.1/orders{query}").status == 400


def test_order_has_the_documented_fields(caller: Caller, server: SandboxServer) -> None:
    body = caller.get(f"/v2.1/orders/{SAMPLE_ORDER.upper()}").json

    assert (body["ref"], body["referenceId"]) == (SAMPLE_ORDER, "B94TXY-1")
    assert (body["price"], body["currencyCode"], body["status"]) == (412.5, "EUR", "PURCHASED")
    assert body["orderedAt"] == "2026-09-03T08:15:00Z"
    assert body["consumers"] == {"href": server.base_url + consumers_path(SAMPLE_ORDER)}


def test_contacts_of_an_order_link_to_guest_and_order(caller: Caller, server: SandboxServer) -> None:
    path = f"/v2.1/orders/{FAMILY_ORDER}/contacts"
    (plain,) = caller.get(path).json["items"]
    (contact,) = caller.get(f"{path}?expand=true").json["items"]

    assert plain == {"ref": contact["ref"], "href": contact["href"]}
    assert (contact["firstName"], contact["dateOfBirth"]) == ("Sven", "1968-01-20T00:00:00Z")
    assert contact["order"]["href"] == f"{server.base_url}/v2.1/orders/{FAMILY_ORDER}"
    assert ref_of(contact["guest"]["href"]) == GUESTS_SHARING_EMAIL[0]
    assert caller.get(f"/v2.1/orderContacts/{contact['ref']}").json == contact


def test_guests_are_found_by_email_exactly(caller: Caller) -> None:
    assert refs(caller, f"/v2.1/guests?email={SHARED_EMAIL.replace('@', '%40')}") == list(
        GUESTS_SHARING_EMAIL
    )
    assert refs(caller, f"/v2.1/guests?email={SHARED_EMAIL.upper()}") == []


def test_guests_are_found_by_order_and_by_its_reference_id(caller: Caller) -> None:
    ref = ref_of(caller.create(FAMILY_ORDER).json["guest"]["href"])
    family = [guest.ref for guest in GUESTS[3:6]] + [ref]

    assert refs(caller, f"/v2.1/guests?orderRef={FAMILY_ORDER}") == family
    assert refs(caller, "/v2.1/guests?orderReferenceId=B4LNDQ-1") == family


def test_guests_are_found_by_identifier_and_must_meet_all_conditions(caller: Caller) -> None:
    sven = "identifiers.provider=LoyaltyProgramme&identifiers.id=LP-0051177"

    assert refs(caller, f"/v2.1/guests?{sven}") == [GUESTS_SHARING_EMAIL[0]]
    assert refs(caller, f"/v2.1/guests?email={SHARED_EMAIL}&{sven}") == [GUESTS_SHARING_EMAIL[0]]
    assert refs(caller, f"/v2.1/guests?email=nobody@example.com&{sven}") == []


@pytest.mark.parametrize("half", ["identifiers.provider=email", "identifiers.id=LP-0051177"])
def test_half_an_identifier_is_a_400(caller: Caller, half: str) -> None:
    assert caller.get(f"/v2.1/guests?{half}").status == 400


def test_guests_in_a_list_are_bare_links_unless_expanded(caller: Caller) -> None:
    (plain, *_others) = caller.get(f"/v2.1/guests?email={SHARED_EMAIL}").json["items"]
    (expanded, *_others) = caller.get(f"/v2.1/guests?email={SHARED_EMAIL}&expand=true").json["items"]

    assert set(plain) == {"href"}
    assert expanded == caller.get(f"/v2.1/guests/{ref_of(plain['href'])}").json


def test_guest_has_its_identifiers_and_dates_with_milliseconds(caller: Caller, server: SandboxServer) -> None:
    body = caller.get(f"/v2.1/guests/{GUEST_WITH_PROFILE.upper()}").json

    assert body["href"] == f"{server.base_url}/v2.1/guests/{GUEST_WITH_PROFILE}"
    assert (body["guestType"], body["email"]) == ("customer", body["emails"][0])
    assert body["dateOfBirth"] == "1986-03-14T00:00:00.000Z"
    assert body["identifiers"] == [
        {"provider": "ProfileSystem", "id": "B7524AE6-CF1C-440F-B1A2-0C9D42F5CB41"}
    ]


def test_three_orders_share_a_number_and_crowded_orders_have_their_consumers(caller: Caller) -> None:
    assert refs(caller, f"/v2.1/orders?referenceId={TRIPLE_REFERENCE_ID}") == [
        *ORDERS_WITH_TRIPLE_REFERENCE_ID
    ]
    for order, size in CROWDED_ORDERS.items():
        names = set()
        for offset in range(0, size, 100):
            page = caller.get(f"{consumers_path(order)}?expand=true&limit=100&offset={offset}").json
            names |= {(one["firstName"], one["lastName"]) for one in page["items"]}
        assert len(names) == size
