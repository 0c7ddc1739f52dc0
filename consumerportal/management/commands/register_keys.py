"""Registers the keys of this machine in the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from apps.core.actor import Actor
from consumerportal.keys import KeysNotAcceptedError, register_keys

ACTOR = Actor.system("register_keys")


class Command(BaseCommand):
    help = (
        "Registers every key of this machine (ENCRYPTION_KEYS, DIGEST_KEY, AUDIT_SIGNING_KEY,"
        " AUDIT_MAC_KEYS) in the database. From then on every machine must have all of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forget-missing",
            action="store_true",
            help=(
                "for keys that are lost or no longer needed: removes the registered keys that this machine"
                " does not have. Values encrypted with them cannot be read any more. After a change of"
                " DIGEST_KEY, earlier submissions are not found and do not prevent repeats."
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            change = register_keys(ACTOR, forget_missing=options["forget_missing"])
        except KeysNotAcceptedError as refused:
            raise CommandError(str(refused)) from None
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(f"The database failed or does not answer ({type(error).__name__})") from None
        for key in change.forgotten:
            self.stdout.write(f"Forgotten: {key}")
        for key in change.added:
            self.stdout.write(f"Accepted: {key}")
        if not any(change):
            self.stdout.write("These keys are already registered.")
