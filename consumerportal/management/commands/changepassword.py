"""Set a person's password from the terminal. Replaces Django's command, which would leave no event."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from apps.accounts import services
from apps.accounts.selectors import find_by_username
from apps.accounts.terminal import ask_for_password
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys

ACTOR = Actor.system("changepassword")


class Command(PortalCommand):
    help = "Set a person's password, which is asked for; ends the person's sessions and is recorded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="user-name")

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        person = find_by_username(options["username"])
        if person is None:
            raise CommandError("There is no person with this user name")
        services.set_password(person_id=person.pk, password=ask_for_password(person), actor=ACTOR)
        self.stdout.write(f"The password of {person.username} was set.")
