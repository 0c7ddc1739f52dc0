"""Collections with the oddities of the vendor's pages, their order, and names in another case."""

import pytest

from sandbox.data.seed import FAMILY_ORDER, GROUP_ORDER, ORDERS, SAMPLE_ORDER
from sandbox.data.seed_guests import GUEST_WITH_PROFILE, GUESTS
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, consumers_path, ref_of

PATH = consumers_path(GROUP_ORDER)
NUMBER = len(next(order for order in ORDERS if order.ref == GROUP_ORDER).consumers)


def next_of(caller: Caller, server: SandboxServer, kind: str, query: str = "?limit=4") -> str:
    server.sandbox.switches = Switches(next_link=kind)
    link = caller.get(PATH + query).json.get("next", {"href": ""})["href"]
    return str(link).removeprefix(server.base_url)


def test_next_link_can_have_every_known_oddity(caller: Caller, server: SandboxServer) -> None:
    assert next_of(caller, server, "right") == f"{PATH}?offset=4&limit=4"
    assert next_of(caller, server, "documented") == f"{PATH}?offset=1&limit=10"
    assert next_of(caller, server, "same", "?limit=4&offset=4") == f"{PATH}?offset=4&limit=4"
    assert next_of(caller, server, "missing") == ""
    assert next_of(caller, server, "elsewhere").startswith("https://elsewhere.example/")


@pytest.mark.parametrize("kind", ["right", "documented", "same", "elsewhere"])
def test_last_page_has_no_next_link_of_any_kind(caller: Caller, server: SandboxServer, kind: str) -> None:
    assert next_of(caller, server, kind, "?limit=100") == ""
    assert next_of(caller, server, kind, "?offset=500") == ""


def test_short_pages_lose_no_entry(caller: Caller, server: SandboxServer) -> None:
    everyone = [item["href"] for item in caller.get(f"{PATH}?limit=100").json["items"]]
    server.sandbox.switches = Switches(page_size=3)
    page = caller.get(f"{PATH}?limit=100").json
    found = []
    while True:
        assert len(page["items"]) <= 3
        assert page["limit"] == 100
        found += [item["href"] for item in page["items"]]
        if "next" not in page:
            break
        page = caller.get(page["next"]["href"].removeprefix(server.base_url)).json

    assert found == everyone
    assert len(found) == NUMBER


def test_page_size_above_the_limit_changes_nothing(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.switches = Switches(page_size=50)

    assert len(caller.get(f"{PATH}?limit=2").json["items"]) == 2


def test_names_of_the_links_can_be_capitalised(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.switches = Switches(link_names="capitalised")

    page = caller.get(f"{PATH}?offset=4&limit=4").json

    assert {"First", "Last", "Next", "Prev", "items", "offset", "limit", "href"} == page.keys()


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("documented", {"firstName", "orderItems", "href"}),
        ("capitalised", {"FirstName", "OrderItems", "Href"}),
        ("lower", {"firstname", "orderitems", "href"}),
        ("upper", {"FIRSTNAME", "ORDERITEMS", "HREF"}),
    ],
)
def test_names_can_be_in_another_case_and_values_are_unchanged(
    caller: Caller, server: SandboxServer, case: str, names: set[str]
) -> None:
    server.sandbox.switches = Switches(key_case=case)

    body = caller.create(SAMPLE_ORDER, firstName="Zoë \ud800").json
    page = caller.get(f"{consumers_path(SAMPLE_ORDER)}?expand=true").json

    folded = {name.lower(): value for name, value in body.items()}
    assert names <= body.keys()
    assert folded["firstname"] == "Zoë \ud800"
    assert {name.lower() for name in folded["guest"]} == {"href"}
    assert next(value for name, value in page.items() if name.lower() == "items") == [body]


def test_errors_are_in_the_other_case_too(caller: Caller, server: SandboxServer) -> None:
    server.sandbox.switches = Switches(key_case="capitalised")

    assert caller.create(SAMPLE_ORDER, gender="x").json["Message"] == "gender: not a valid value."


def sorted_refs(caller: Caller, path: str, sort: str) -> list[str]:
    answer = caller.get(f"{path}&limit=100&sort={sort}")
    assert answer.status == 200, answer.body
    return [ref_of(item["href"]) for item in answer.json["items"]]


@pytest.mark.parametrize("attribute", ["created", "orderedAt"])
def test_orders_of_a_guest_are_sorted_as_requested(caller: Caller, attribute: str) -> None:
    hamish = next(guest.ref for guest in GUESTS if guest.first_name == "Hamish")
    moments = {order.ref: order.ordered_at for order in ORDERS}
    path = f"/v2.1/orders?guestRef={hamish}"

    upwards = sorted_refs(caller, path, f"{attribute}::ASC")

    assert len(upwards) > 1
    assert [moments[ref] for ref in upwards] == sorted(moments[ref] for ref in upwards)
    assert sorted_refs(caller, path, f"{attribute}::DESC") == upwards[::-1]


def test_guests_are_sorted_as_requested(caller: Caller) -> None:
    names = {guest.ref: guest.last_name for guest in GUESTS}
    path = "/v2.1/guests?expand=false"

    found = [names[ref] for ref in sorted_refs(caller, path, "lastName::DESC")]

    assert found == sorted(names.values(), reverse=True)


@pytest.mark.parametrize(
    "path",
    [
        "/v2.1/orders?referenceId=B94TXY-1&sort=orderedAt::ASC",
        f"/v2.1/orders?guestRef={GUEST_WITH_PROFILE}&sort=price::ASC",
        f"/v2.1/orders?guestRef={GUEST_WITH_PROFILE}&sort=created",
        f"/v2.1/orders?guestRef={GUEST_WITH_PROFILE}&sort=created::asc",
        f"/v2.1/orders?guestRef={GUEST_WITH_PROFILE}&sort=Created::ASC",
        "/v2.1/guests?sort=email::ASC",
        "/v2.1/guests?sort=",
    ],
)
def test_undocumented_sort_order_is_a_400(caller: Caller, path: str) -> None:
    answer = caller.get(path)

    assert answer.status == 400
    assert answer.json["message"].startswith("sort: ")


def test_orders_with_one_reference_id_can_be_sorted_by_creation(caller: Caller) -> None:
    path = "/v2.1/orders?referenceId=HTL-204417"

    assert sorted_refs(caller, path, "created::DESC") == sorted_refs(caller, path, "created::ASC")[::-1]


def test_order_item_exists_at_its_link(caller: Caller, server: SandboxServer) -> None:
    order = caller.get(f"/v2.1/orders/{FAMILY_ORDER}").json
    whole = caller.get(f"/v2.1/orders/{FAMILY_ORDER}?expand=orderItems").json["orderItems"]["items"]
    links = [link["href"] for link in order["orderItems"]["items"]]

    items = [caller.get(link.removeprefix(server.base_url)).json for link in links]

    assert items == whole
    assert [item["href"] for item in items] == links
    assert {item["order"]["href"] for item in items} == {order["href"]}
    assert caller.get(f"/v2.1/orderItems/{items[0]['ref'].upper()}").json == items[0]
    assert caller.get("/v2.1/orderItems/unknown").status == 404
