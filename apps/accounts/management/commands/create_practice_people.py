"""Add one person per role for trying the portal out. Practice mode only: the passwords are public."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from apps.accounts import services
from apps.accounts.models import User
from apps.accounts.practice import PRACTICE_PEOPLE, PracticePerson
from apps.accounts.selectors import find_by_username
from apps.accounts.services import NewPerson, PersonDetails
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys

ACTOR = Actor.system("create_practice_people")


class Command(PortalCommand):
    help = "Add one person for each role, with known passwords (practice mode only), and print the sign-ins."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PRACTICE_MODE:
            raise CommandError(
                "The passwords of practice people are public. They exist in practice mode only."
            )
        require_accepted_keys()
        for person in PRACTICE_PEOPLE:
            _create_or_reset(person)
        self.stdout.write(f"\n{'User name':<12}{'Password':<22}Role")
        for person in PRACTICE_PEOPLE:
            self.stdout.write(f"{person.username:<12}{person.password:<22}{person.role}")


def _create_or_reset(person: PracticePerson) -> None:
    """Bring the account to the printed state: active, with this role and password. Can run repeatedly."""
    user = find_by_username(person.username)
    if user is None:
        new = NewPerson(person.username, PersonDetails(person.name), (person.role,))
        user = User.objects.get(pk=services.add_person(person=new, actor=ACTOR))
    services.reactivate_person(person_id=user.pk, actor=ACTOR)
    services.grant_role(person_id=user.pk, role=person.role, actor=ACTOR)
    if not user.check_password(person.password):
        services.set_password(person_id=user.pk, password=person.password, actor=ACTOR)
