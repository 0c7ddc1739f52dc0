"""A successful create: the stored data, the answer, and the matched or created guest."""

import json
from pathlib import Path

import pytest

from sandbox.data.seed import GROUP_ORDER, SAMPLE_ORDER
from sandbox.data.seed_guests import (
    GUEST_WITH_EMAIL,
    GUEST_WITH_LOYALTY,
    GUEST_WITH_PROFILE,
    GUESTS,
    SHARED_EMAIL,
)
from sandbox.server.sandbox_server import SandboxServer
from tests.support.sandbox_caller import Caller, consumers_path, ref_of

EVERYTHING = {
    "title": "Mr",
    "firstName": "John",
    "lastName": "Doe",
    "gender": "male",
    "dateOfBirth": "1991-01-01T16:17:16Z",
    "emails": ["john.doe@example.com"],
    "phoneNumbers": ["+353161123345", "+353161123346"],
    "nationality": "Irish",
    "passportNumber": "PZ4A9565",
    "country": "IE",
    "identifiers": [{"provider": "ProfileSystem", "id": "not-known-yet"}],
}
IDENTIFIERS = {guest.ref: dict(guest.identifiers) for guest in GUESTS}


def pair(provider: str, guest: str) -> dict[str, str]:
    return {"provider": provider, "id": IDENTIFIERS[guest][provider]}


def guest_of(caller: Caller, *identifiers: dict[str, str]) -> str:
    return ref_of(caller.create(SAMPLE_ORDER, identifiers=list(identifiers)).json["guest"]["href"])


def test_answer_has_the_documented_fields_and_no_identifiers_or_dates(
    caller: Caller, server: SandboxServer
) -> None:
    answer = caller.post(consumers_path(SAMPLE_ORDER), EVERYTHING)

    assert answer.status == 200
    body = answer.json
    guest = ref_of(body["guest"]["href"])
    assert body == {
        **{name: value for name, value in EVERYTHING.items() if name != "identifiers"},
        "ref": body["ref"],
        "href": f"{server.base_url}/v2.1/orderConsumers/{body['ref']}",
        "orderItems": {"orderItems": body["orderItems"]["orderItems"]},
        "order": {"href": f"{server.base_url}/v2.1/orders?guestRef={guest}&offset=1&limit=10"},
        "guest": {"href": f"{server.base_url}/v2.1/guests/{guest}"},
    }
    assert all("/v2.1/orderItems/" in item["href"] for item in body["orderItems"]["orderItems"])


def test_unsent_fields_are_not_returned(caller: Caller) -> None:
    body = caller.create(SAMPLE_ORDER, title=None).json

    assert set(body) == {"ref", "href", "firstName", "lastName", "orderItems", "order", "guest"}


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("1985-12-24", "1985-12-24T00:00:00Z"),
        ("1985-12-24T00:00Z", "1985-12-24T00:00:00Z"),
        ("1985-12-24T01:00:00.000+02:00", "1985-12-23T23:00:00Z"),
        ("0190-02-03T00:00:00Z", "0190-02-03T00:00:00Z"),
    ],
)
def test_birth_date_is_returned_in_utc_without_a_fraction(caller: Caller, sent: str, answered: str) -> None:
    assert caller.create(SAMPLE_ORDER, dateOfBirth=sent).json["dateOfBirth"] == answered


def test_received_text_is_stored_exactly(caller: Caller, server: SandboxServer) -> None:
    text = '{ "lastName":"\\u00d6st\\ud800", "firstName" : "Zoë 🎟",\n "lastName": "Öst", "unknown": [1.50] }'

    answer = caller.send("POST", consumers_path(SAMPLE_ORDER), text)

    assert answer.status == 200
    stored = server.sandbox.consumers(SAMPLE_ORDER)
    assert [(one.ref, one.body) for one in stored] == [(answer.json["ref"], text)]


def test_lone_surrogate_is_returned_as_its_escape(caller: Caller) -> None:
    answer = caller.send("POST", consumers_path(SAMPLE_ORDER), '{"firstName": "a\\ud800", "lastName": "b"}')

    assert answer.json["firstName"] == "a\ud800"


def test_two_equal_creates_make_two_consumers(caller: Caller, server: SandboxServer) -> None:
    first, second = caller.create(SAMPLE_ORDER).json, caller.create(SAMPLE_ORDER).json

    assert first["ref"] != second["ref"]
    assert [one.ref for one in server.sandbox.consumers(SAMPLE_ORDER)] == [first["ref"], second["ref"]]


def test_order_reference_is_found_in_upper_case_too(caller: Caller, server: SandboxServer) -> None:
    assert caller.create(SAMPLE_ORDER.upper()).status == 200
    assert len(server.sandbox.consumers(SAMPLE_ORDER)) == 1


def test_create_status_can_be_201_from_the_start(tmp_path: Path) -> None:
    with SandboxServer(data=tmp_path / "other.sqlite3", create_status=201) as server:
        assert Caller(server.base_url).create(SAMPLE_ORDER).status == 201


@pytest.mark.parametrize(
    ("provider", "guest"),
    [
        ("ProfileSystem", GUEST_WITH_PROFILE),
        ("LoyaltyProgramme", GUEST_WITH_LOYALTY),
        ("email", GUEST_WITH_EMAIL),
    ],
)
def test_identifier_of_a_rule_matches_its_guest(
    caller: Caller, server: SandboxServer, provider: str, guest: str
) -> None:
    assert guest_of(caller, pair(provider, guest)) == guest

    (stored,) = server.sandbox.consumers(SAMPLE_ORDER)
    assert (stored.guest_effect, stored.matched_by, stored.guest_ref) == ("matched", provider, guest)


def test_first_rule_decides_in_any_order_of_identifiers(caller: Caller) -> None:
    loyalty, profile = pair("LoyaltyProgramme", GUEST_WITH_LOYALTY), pair("ProfileSystem", GUEST_WITH_PROFILE)

    assert guest_of(caller, loyalty, profile) == GUEST_WITH_PROFILE


def test_order_of_the_rules_is_an_option(tmp_path: Path) -> None:
    providers = ("LoyaltyProgramme", "ProfileSystem")
    with SandboxServer(data=tmp_path / "other.sqlite3", identity_providers=providers) as server:
        caller = Caller(server.base_url)
        loyalty, profile = (
            pair("LoyaltyProgramme", GUEST_WITH_LOYALTY),
            pair("ProfileSystem", GUEST_WITH_PROFILE),
        )

        assert guest_of(caller, profile, loyalty) == GUEST_WITH_LOYALTY
        assert guest_of(caller, pair("email", GUEST_WITH_EMAIL)) != GUEST_WITH_EMAIL


def test_rule_without_a_match_falls_through_to_the_next(caller: Caller) -> None:
    unknown = {"provider": "ProfileSystem", "id": "nobody"}

    assert guest_of(caller, unknown, pair("email", GUEST_WITH_EMAIL)) == GUEST_WITH_EMAIL


def test_identifier_in_another_case_has_no_match(caller: Caller, server: SandboxServer) -> None:
    profile = pair("ProfileSystem", GUEST_WITH_PROFILE)

    assert guest_of(caller, {**profile, "id": profile["id"].lower()}) != GUEST_WITH_PROFILE
    assert server.sandbox.consumers(SAMPLE_ORDER)[0].guest_effect == "created"


def test_address_alone_has_no_match(caller: Caller, server: SandboxServer) -> None:
    caller.create(SAMPLE_ORDER, emails=[SHARED_EMAIL])

    assert server.sandbox.consumers(SAMPLE_ORDER)[0].guest_effect == "created"


def test_unmatched_person_becomes_a_traveller_that_matches_the_next_time(
    caller: Caller, server: SandboxServer
) -> None:
    first = caller.post(consumers_path(SAMPLE_ORDER), EVERYTHING).json
    guest = caller.get(f"/v2.1/guests/{ref_of(first['guest']['href'])}").json
    second = caller.post(consumers_path(GROUP_ORDER), {**EVERYTHING, "firstName": "Jon"}).json

    assert guest["guestType"] == "traveller"
    assert (guest["emails"], guest["identifiers"]) == (EVERYTHING["emails"], EVERYTHING["identifiers"])
    assert guest["dateOfBirth"] == "1991-01-01T16:17:16.000Z"
    assert second["guest"] == first["guest"]
    assert [one.guest_effect for one in server.sandbox.consumers()][-2:] == ["created", "matched"]


def test_matched_guest_name_is_not_changed(caller: Caller) -> None:
    guest_of(caller, pair("email", GUEST_WITH_EMAIL))

    assert caller.get(f"/v2.1/guests/{GUEST_WITH_EMAIL}").json["firstName"] == "Priya"


def test_created_records_survive_a_restart_and_the_seed_is_not_duplicated(
    server: SandboxServer, caller: Caller
) -> None:
    created = caller.create(SAMPLE_ORDER).json
    before = server.sandbox.consumers()
    address = server.base_url

    server.stop()
    server.start()

    assert server.base_url == address
    assert json.dumps(caller.get(f"/v2.1/orderConsumers/{created['ref']}").json) == json.dumps(created)
    assert server.sandbox.consumers() == before
