"""Prepares ``make run``: a database, people to sign in as, identity rules."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.accounts.practice import has_practice_people
from apps.accounts.selectors import has_people
from apps.consumers.identity_rules import add_rule
from apps.consumers.selectors import identity_rules
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys
from consumerportal.practice_database import DatabaseInUseError, set_aside_if_outdated

# The sandbox matches guests by the same providers, in the same order.
PRACTICE_RULES = (
    ("Profile system", "ProfileSystem"),
    ("Loyalty programme", "LoyaltyProgramme"),
    ("Email address", "email"),
)


class Command(PortalCommand):
    help = "Prepares the practice database and prints the sign-ins. Existing data is not changed."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PRACTICE_MODE:
            raise CommandError(
                "This is not practice mode. docs/operating.md describes the set-up of production."
            )
        try:
            old = set_aside_if_outdated()
        except DatabaseInUseError:
            raise CommandError(
                "The practice database is of another version, and another process has it open. Stop the"
                " portal that runs (Ctrl-C), then start again."
            ) from None
        if old is not None:
            self.stdout.write(
                f"The practice database was created by an earlier version. It was moved to {old}."
                " A new one has been created."
            )
        call_command("migrate", interactive=False, verbosity=0)
        require_accepted_keys()
        if has_people() and not has_practice_people():
            raise CommandError("This database has other people than practice people. It is not for practice.")
        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if not identity_rules().exists():
            for name, provider in PRACTICE_RULES:
                add_rule(name=name, provider=provider, actor=Actor.system("prepare_practice"))
        call_command("create_practice_people")
        address = f"http://127.0.0.1:{os.environ.get('PORTAL_PORT', '8030')}/"
        self.stdout.write(f"\nThe portal: {address}   (Ctrl-C stops everything)\n")
