import pytest

from apps.accounts.audit_events import PERSON_ADDED, ROLE_GRANTED, SESSION_SIGNED_IN
from apps.audit.events import Event
from apps.audit.selectors import events_of_person, events_of_submission
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED, CONSUMER_CREATED
from apps.core.actor import Actor
from tests.support.audit_logs import recorded

pytestmark = pytest.mark.django_db


def test_events_of_a_submission_are_in_order_and_without_others(anna: Actor) -> None:
    recorded(Event(CONSUMER_CREATE_REQUESTED, anna, submission="b7a0"))
    recorded(Event(CONSUMER_CREATE_REQUESTED, anna, submission="other"))
    recorded(Event(SESSION_SIGNED_IN, anna))
    recorded(Event(CONSUMER_CREATED, anna, submission="b7a0"))
    found = events_of_submission("b7a0")
    assert [event.action for event in found] == ["consumer.create_requested", "consumer.created"]


def test_events_of_a_person_are_about_them_and_not_by_them(anna: Actor) -> None:
    recorded(Event(PERSON_ADDED, anna, person="23", data={"username": "ben"}))
    recorded(Event(ROLE_GRANTED, anna, person="23", data={"username": "ben", "role": "staff"}))
    recorded(Event(PERSON_ADDED, anna, person="24", data={"username": "cleo"}))
    assert [event.action for event in events_of_person("23")] == ["person.added", "role.granted"]
    assert events_of_person(anna.id) == ()
