from typing import Any

import pytest

from apps.audit import actions
from apps.audit.actions import Action
from apps.audit.events import Event, EventError, storable
from apps.core.actor import Actor, Origin

MARKER = "Marisol.Quintanilla@example.org"  # personal data that must not get in, nor into an exception


def test_declared_keys_of_their_kind_are_taken(anna: Actor) -> None:
    event = Event(
        actions.CONSUMER_CREATE_REQUESTED,
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


def test_a_key_that_the_action_does_not_declare_is_refused(anna: Actor) -> None:
    with pytest.raises(EventError, match="declare"):
        Event(actions.SESSION_SIGNED_IN, anna, data={"reason": "idle"})


@pytest.mark.parametrize(
    ("action", "key", "value"),
    [
        (actions.CONSUMER_CREATED, "http_status", "201"),
        (actions.CONSUMER_CREATED, "http_status", True),
        (actions.CONSUMER_CREATED, "http_status", 201.0),
        (actions.CONSUMER_CREATED, "http_status", 2**53),
        (actions.CONSUMER_SETTLED, "reason", "Seen in the vendor's console"),
        (actions.CONSUMER_SETTLED, "reason", "Seen"),
        (actions.CONSUMER_SETTLED, "reason", ""),
        (actions.CONSUMER_SETTLED, "reason", "a" * 101),
        (actions.CONSUMER_SETTLED, "reason", "seen\n"),
        (actions.CONSUMER_SETTLED, "reason", 7),
        (actions.CONSUMER_REJECTED, "error_code", MARKER),
        (actions.CONSUMER_CREATE_REQUESTED, "fields", "firstName"),
        (actions.CONSUMER_CREATE_REQUESTED, "fields", ["Zoë"]),
        (actions.CONSUMER_CREATE_REQUESTED, "fields", [MARKER]),
        (actions.CONSUMER_CREATE_REQUESTED, "fields", ["a"] * 51),
        (actions.CONSUMER_CREATE_REQUESTED, "fields", {"firstName": "Zoë"}),
        (actions.CONSUMER_CREATE_REQUESTED, "fields", [["a"]]),
        (actions.CONSUMER_CREATE_REQUESTED, "overridden", ["Similar"]),
        (actions.PERSON_ADDED, "username", "a" * 201),
        (actions.PERSON_ADDED, "username", 7),
    ],
)
def test_a_value_of_another_kind_is_refused_and_not_repeated(
    anna: Actor, action: Action, key: str, value: Any
) -> None:
    with pytest.raises(EventError) as caught:
        Event(action, anna, data={key: value})
    assert key in str(caught.value)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize("name", ["submission", "order_ref", "consumer_ref", "guest_ref", "person"])
@pytest.mark.parametrize("value", ["Marisol Quintanilla", "a" * 201, "a\n", "a\x00", "\ud800", None, 5])
def test_what_is_no_reference_is_refused_and_not_repeated(anna: Actor, name: str, value: Any) -> None:
    with pytest.raises(EventError) as caught:
        Event(actions.CONSUMER_CREATED, anna, **{name: value})
    assert name in str(caught.value)
    assert "Marisol" not in str(caught.value)


@pytest.mark.parametrize("name", ["submission", "order_ref", "person"])
def test_what_people_type_is_no_reference_with_an_at_sign(anna: Actor, name: str) -> None:
    references: Any = {name: MARKER}
    with pytest.raises(EventError) as caught:
        Event(actions.CONSUMER_CREATED, anna, **references)
    assert MARKER not in str(caught.value)


@pytest.mark.parametrize("reference", ["a@b", "Ä–é", "x" * 200, "/?#%"])
def test_a_created_consumer_is_not_lost_over_the_spelling_of_the_vendors_reference(
    anna: Actor, reference: str
) -> None:
    event = Event(actions.CONSUMER_CREATED, anna, consumer_ref=reference, guest_ref=reference)
    assert (event.consumer_ref, event.guest_ref) == (reference, reference)


def test_an_unregistered_action_is_refused(anna: Actor) -> None:
    with pytest.raises(EventError):
        Event(Action("consumer.created", {}), anna)


@pytest.mark.parametrize(
    "actor",
    [
        Actor(id="x y", name="Anna"),
        Actor(id="1", name="Anna", roles=("Staff member",)),
        Actor(id="1", name="Anna", roles=("a,b",)),
        Actor(id="1", name="Anna", roles=("a",) * 11),
    ],
)
def test_an_actor_that_cannot_be_stored_is_refused(actor: Actor) -> None:
    with pytest.raises(EventError):
        Event(actions.SESSION_SIGNED_IN, actor)


@pytest.mark.parametrize("actor", [Actor.system("create_administrator"), Actor.anonymous(Origin())])
def test_a_process_and_a_visitor_can_act(actor: Actor) -> None:
    assert Event(actions.ACCESS_DENIED, actor).actor == actor


def test_an_event_does_not_change_after_it_was_checked(anna: Actor) -> None:
    data = {"why": "same_token"}
    event = Event(actions.SUBMISSION_REPEAT_BLOCKED, anna, data=data)
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
def test_text_that_cannot_be_stored_is_mended_not_refused(came: str, kept: str) -> None:
    assert storable(came) == kept


def test_a_name_that_cannot_be_stored_is_mended(anna: Actor) -> None:
    event = Event(actions.IDENTITY_RULE_CHANGED, anna, data={"rule": "Loyalty\x00", "provider": "LOY"})
    assert dict(event.data) == {"rule": "Loyalty?", "provider": "LOY"}
