"""People with roles, created by the portal's own services."""

from __future__ import annotations

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.services import NewPerson, PersonDetails
from apps.audit.models import AuditEvent
from apps.core.actor import Actor

PASSWORD = "a long walk in the rain"
TESTS = Actor.system("tests")


def make_person(username: str, *roles: str, password: str = PASSWORD, time_zone: str = "") -> User:
    """A person who can sign in with ``password``; ``""`` leaves them without one."""
    details = PersonDetails(name=f"{username.title()} Person", time_zone=time_zone)
    person_id = services.add_person(person=NewPerson(username, details, roles), actor=TESTS)
    if password:
        services.set_password(person_id=person_id, password=password, actor=TESTS)
    return User.objects.get(pk=person_id)


def acting(person: User) -> Actor:
    """The person as an actor."""
    return Actor(id=str(person.pk), name=person.name, roles=person.roles)


def events(action: str) -> list[AuditEvent]:
    """The events of one action, oldest first."""
    return list(AuditEvent.objects.filter(action=action).order_by("seq"))
