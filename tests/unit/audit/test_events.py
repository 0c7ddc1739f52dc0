from typing import Any

import pytest

from apps.accounts.audit_events import ACCESS_DENIED, PERSON_ADDED, SESSION_SIGNED_IN
from apps.audit.events import Event, EventError, storable
from apps.audit.registry import AppEvents, EventGroup, EventType
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_REJECTED,
    CONSUMER_RESOLVED,
    IDENTITY_RULE_CHANGED,
    SUBMISSION_REPEAT_BLOCKED,
)
from apps.core.actor import Actor, Origin

MARKER = "Marisol.Quintanilla@example.org"  # personal data that neither the log nor an exception may contain


def test_declared_keys_of_the_right_type_are_accepted(anna: Actor) -> None:
    event = Event(
        CONSUMER_CREATE_REQUESTED,
        anna,
        submission="b7a0",
        order_ref="d5ac-9",
        data={"fields": ("firstName", "emails"), "overridden": ["similar_consumer"], "resubmission_of": None},
    )
    assert dict(event.data) == {
        "fields": ["firstName", "emails"],
        "overridden": ["similar_consumer"],
        "resubmission_of": None,
    }


def test_undeclared_key_is_refused(anna: Actor) -> None:
    with pytest.raises(EventError, match="declare"):
        Event(SESSION_SIGNED_IN, anna, data={"reason": "idle"})


@pytest.mark.parametrize(
    ("action", "key", "value"),
    [
        (CONSUMER_CREATED, "http_status", "201"),
        (CONSUMER_CREATED, "http_status", True),
        (CONSUMER_CREATED, "http_status", 201.0),
        (CONSUMER_CREATED, "http_status", 2**53),
        (CONSUMER_RESOLVED, "reason", "Seen in the vendor's console"),
        (CONSUMER_RESOLVED, "reason", "Seen"),
        (CONSUMER_RESOLVED, "reason", ""),
        (CONSUMER_RESOLVED, "reason", "a" * 101),
        (CONSUMER_RESOLVED, "reason", "seen\n"),
        (CONSUMER_RESOLVED, "reason", 7),
        (CONSUMER_REJECTED, "error_code", MARKER),
        (CONSUMER_CREATE_REQUESTED, "fields", "firstName"),
        (CONSUMER_CREATE_REQUESTED, "fields", ["Zoë"]),
        (CONSUMER_CREATE_REQUESTED, "fields", [MARKER]),
        (CONSUMER_CREATE_REQUESTED, "fields", ["a"] * 51),
        (CONSUMER_CREATE_REQUESTED, "fields", {"firstName": "Zoë"}),
        (CONSUMER_CREATE_REQUESTED, "fields", [["a"]]),
        (CONSUMER_CREATE_REQUESTED, "overridden", ["Similar"]),
        (PERSON_ADDED, "username", "a" * 201),
        (PERSON_ADDED, "username", 7),
    ],
)
def test_value_of_another_type_is_refused_and_not_quoted(
    anna: Actor, action: EventType, key: str, value: Any
) -> None:
    with pytest.raises(EventError) as caught:
        Event(action, anna, data={key: value})
    assert key in str(caught.value)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize("name", ["submission", "order_ref", "consumer_ref", "guest_ref", "person"])
@pytest.mark.parametrize("value", ["Marisol Quintanilla", "a" * 201, "a\n", "a\x00", "\ud800", None, 5])
def test_invalid_reference_is_refused_and_not_quoted(anna: Actor, name: str, value: Any) -> None:
    with pytest.raises(EventError) as caught:
        Event(CONSUMER_CREATED, anna, **{name: value})
    assert name in str(caught.value)
    assert "Marisol" not in str(caught.value)


@pytest.mark.parametrize("name", ["submission", "order_ref", "person"])
def test_reference_with_an_at_sign_is_refused(anna: Actor, name: str) -> None:
    references: Any = {name: MARKER}
    with pytest.raises(EventError) as caught:
        Event(CONSUMER_CREATED, anna, **references)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize("reference", ["a@b", "Ä–é", "x" * 200, "/?#%"])
def test_odd_spelling_of_the_vendors_reference_does_not_prevent_the_event(
    anna: Actor, reference: str
) -> None:
    event = Event(CONSUMER_CREATED, anna, consumer_ref=reference, guest_ref=reference)
    assert (event.consumer_ref, event.guest_ref) == (reference, reference)


def test_unregistered_event_type_is_refused(anna: Actor) -> None:
    defined = AppEvents("tests").define(
        CONSUMER_CREATED.name, group=EventGroup.CHANGES, label="Created", sentence="Created"
    )
    with pytest.raises(EventError, match="not registered"):
        Event(defined, anna)


@pytest.mark.parametrize(
    "actor",
    [
        Actor(id="x y", name="Anna"),
        Actor(id="1", name="Anna", session="a b"),
        Actor(id="1", name="Anna", roles=("Staff member",)),
        Actor(id="1", name="Anna", roles=("a,b",)),
        Actor(id="1", name="Anna", roles=("a",) * 11),
    ],
)
def test_actor_that_cannot_be_stored_is_refused(actor: Actor) -> None:
    with pytest.raises(EventError):
        Event(SESSION_SIGNED_IN, actor)


@pytest.mark.parametrize("actor", [Actor.system("create_administrator"), Actor.anonymous(Origin())])
def test_process_and_visitor_are_valid_actors(actor: Actor) -> None:
    assert Event(ACCESS_DENIED, actor).actor == actor


def test_event_cannot_change_after_validation(anna: Actor) -> None:
    data = {"why": "same_token"}
    event = Event(SUBMISSION_REPEAT_BLOCKED, anna, data=data)
    data["why"] = MARKER
    assert event.data["why"] == "same_token"
    with pytest.raises(TypeError):
        event.data["why"] = MARKER  # type: ignore[index]  # that is the point


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("", ""),
        ("192.0.2.7", "192.0.2.7"),
        ("Zoë", "Zoë"),
        ("a\x00\n\ud800b", "a???b"),
        ("f" * 300, "f" * 200),
    ],
)
def test_unstorable_text_is_repaired_and_not_refused(came: str, kept: str) -> None:
    assert storable(came) == kept


def test_unstorable_name_is_repaired(anna: Actor) -> None:
    event = Event(IDENTITY_RULE_CHANGED, anna, data={"rule": "Loyalty\x00", "provider": "LOY"})
    assert dict(event.data) == {"rule": "Loyalty?", "provider": "LOY"}
