import json

import pytest

from apps.accounts.audit_events import (
    PERSON_ADDED,
    PERSON_DEACTIVATED,
    ROLE_GRANTED,
    SESSION_SIGN_IN_FAILED,
    SESSION_SIGNED_IN,
)
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import (
    actor_label,
    as_json,
    fields,
    line,
    outcome,
    sentence,
)
from apps.audit.registry import EventType, event_types
from apps.consumers.audit_events import (
    CONSUMER_CHECK_FAILED,
    CONSUMER_CHECKED,
    CONSUMER_CREATED,
    CONSUMER_RESOLVED,
    VENDOR_RECORD_VIEWED,
    VENDOR_RECORDS_SEARCHED,
)
from apps.consumers.presenters.timelines import agent_label


def event(action: EventType | str, data: str = "{}", **values: str | int | None) -> AuditEvent:
    name = action if isinstance(action, str) else action.name
    return AuditEvent(**{"seq": 1, "action": name, "actor_name": "Anna Keller", "data": data, **values})


@pytest.mark.parametrize("action", event_types(), ids=lambda action: action.name)
def test_sentence_can_be_rendered_without_data(action: EventType) -> None:
    words = sentence(event(action))
    assert "%" not in words
    assert "None" not in words
    assert words == sentence(event(action, '{"anything":"x"}'))


def test_created_consumer_is_shown_with_its_references() -> None:
    created = event(CONSUMER_CREATED, order_ref="ord-1", consumer_ref="con-1")
    assert sentence(created) == "Anna Keller created the order consumer con-1 on order ord-1"


@pytest.mark.parametrize(
    ("action", "key", "counted_by"),
    [
        (VENDOR_RECORD_VIEWED, "consumers", "shown"),
        (VENDOR_RECORD_VIEWED, "guests", "guest_count"),
        (VENDOR_RECORDS_SEARCHED, "guests", "guest_count"),
        (PERSON_DEACTIVATED, "sessions", "count"),
    ],
)
def test_list_with_only_the_first_values_says_how_many_more_there_are(
    action: EventType, key: str, counted_by: str
) -> None:
    label = str(action.keys[key].label)
    for number, words in ((2, "a and b"), (3, "a and b (and 1 more)"), (1_204, "a and b (and 1202 more)")):
        shown = fields(event(action, json.dumps({key: ["a", "b"], counted_by: number})), {})
        assert [field.value for field in shown if field.label == label] == [words]
    for data in ({key: ["a", "b"]}, {key: ["a", "b"], counted_by: "odd"}):
        shown = fields(event(action, json.dumps(data)), {})
        assert [field.value for field in shown if field.label == label] == ["a and b"]


def test_role_is_shown_with_the_name_of_the_account() -> None:
    granted = event(ROLE_GRANTED, '{"name":"Ben Ito","role":"supervisor","username":"ben"}', person="23")
    assert sentence(granted) == "Anna Keller granted Ben Ito (ben) the role Supervisor"


def test_role_without_the_full_name_is_shown_with_the_user_name() -> None:
    granted = event(ROLE_GRANTED, '{"role":"supervisor","username":"ben"}', person="23")
    assert sentence(granted) == "Anna Keller granted ben the role Supervisor"


def test_account_without_a_copied_name_is_shown_by_its_id() -> None:
    assert (
        sentence(event(PERSON_ADDED, '{"username":null}', person="23")) == "Anna Keller added the person 23"
    )


def test_name_with_a_percent_sign_is_not_a_format() -> None:
    assert sentence(event(SESSION_SIGNED_IN, actor_name="%(order)s 100%")) == "%(order)s 100% signed in"


def test_data_cannot_replace_the_actor() -> None:
    forged = event(SESSION_SIGNED_IN, '{"actor":"Somebody else"}')
    assert sentence(forged) == "Anna Keller signed in"


def test_action_of_another_version_gets_a_neutral_sentence() -> None:
    assert "cannot describe (consumer.teleported)" in sentence(event("consumer.teleported"))


@pytest.mark.parametrize(
    ("name", "words"),
    [("Anna", "Anna"), ("", "A visitor"), ("system:worker", "The portal (worker)")],
)
def test_actor_is_a_person_a_process_or_a_visitor(name: str, words: str) -> None:
    assert actor_label(event(SESSION_SIGNED_IN, actor_name=name)) == words


def test_person_named_like_a_process_is_not_shown_as_the_portal() -> None:
    named = {"actor_id": "7", "actor_name": "system:worker"}
    signed_in = event(SESSION_SIGNED_IN, time=0, **named)
    assert sentence(signed_in) == "system:worker signed in"
    assert line(signed_in, {}).who == "system:worker"
    assert [field.value for field in fields(signed_in, {}) if field.label == "Person"] == ["system:worker"]
    checked = event(CONSUMER_CHECKED, '{"result":"none"}', order_ref="ord-1", **named)
    assert agent_label(checked) == "reconciliation, requested by system:worker"


def test_codes_are_shown_as_labels() -> None:
    looked = event(CONSUMER_CHECKED, '{"result":"several"}', order_ref="ord-1")
    assert sentence(looked) == (
        "Reconciliation checked order ord-1 for an unknown order consumer: several new consumers match"
    )
    failed = event(SESSION_SIGN_IN_FAILED, '{"reason":"limited"}', client_address="192.0.2.7")
    assert sentence(failed) == "A sign-in from 192.0.2.7 failed: too many attempts"
    meant = event(SESSION_SIGN_IN_FAILED, '{"reason":"limited","username":"sam"}', client_address="192.0.2.7")
    assert sentence(meant) == "A sign-in as sam from 192.0.2.7 failed: too many attempts"


def test_reconciliation_is_not_attributed_to_the_person_who_requested_the_check() -> None:
    references = {"order_ref": "ord-1", "consumer_ref": "con-1"}
    confirmed = event(CONSUMER_RESOLVED, '{"outcome":"created","reason":"reconciliation"}', **references)
    assert sentence(confirmed) == (
        "Confirmed by reconciliation: the order consumer con-1 on order ord-1 was created"
    )
    failed = event(CONSUMER_CHECK_FAILED, '{"error_code":"http_503"}', order_ref="ord-1", failure=True)
    assert "Anna Keller" not in sentence(failed)
    assert outcome(failed) == ("rejected", "Failed")
    checked = event(CONSUMER_CHECKED, '{"result":"none"}', order_ref="ord-1")
    for one in (confirmed, failed, checked):
        assert agent_label(one) == "reconciliation, requested by Anna Keller"
        one.actor_name = "system:worker"
        assert agent_label(one) == "reconciliation"


def test_supervisors_resolution_shows_whether_the_portal_verified_it() -> None:
    data = '{"outcome":"created","reason":"seen_in_cdp","verification":"not_verified"}'
    marked = event(CONSUMER_RESOLVED, data, order_ref="ord-1")
    assert sentence(marked) == (
        "Anna Keller marked an unknown order consumer on order ord-1 as created: seen in Sitecore CDP"
        " (not verified by the portal)"
    )
    assert agent_label(marked) == "Anna Keller"


def test_code_of_another_version_is_shown_as_is() -> None:
    looked = event(CONSUMER_CHECKED, '{"result":"teleported"}', order_ref="ord-1")
    assert sentence(looked).endswith(": teleported")


@pytest.mark.parametrize(
    "data", ["x", "[]", "null", "", '{"role":{"a":1}}', r'{"role":"\ud800"}', "[" * 9_999]
)
def test_unexpected_details_are_shown_as_they_are(data: str) -> None:
    changed = event(ROLE_GRANTED, data, person="23", time=0)
    assert sentence(changed) == "Anna Keller granted 23 the role –"
    assert changed.details == {}
    shown = [field.value for field in fields(changed, {}) if field.label == "Details that cannot be read"]
    assert shown == ([data] if data else [])
    assert json.loads(as_json(changed))["data"] == data


@pytest.mark.parametrize("time", [9 * 10**18, -9 * 10**18, 253_402_300_799_999_999, -62_135_596_800_000_000])
def test_time_outside_the_calendar_is_shown_as_its_number(time: int) -> None:
    changed = AuditEvent(seq=1, action="session.signed_in", actor_name="Anna", data="{}", time=time)
    assert line(changed, {}).at is None
    assert json.loads(as_json(changed))["time"] == time


def test_impossible_sequence_has_no_page() -> None:
    changed = AuditEvent(seq=-1, action="session.signed_in", actor_name="Anna", data="{}", time=0)
    assert line(changed, {}).url == ""
