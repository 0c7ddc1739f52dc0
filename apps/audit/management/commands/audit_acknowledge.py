"""Acknowledge events that were written past the portal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.audit.integrity.acknowledging import NotAcknowledgedError, acknowledge
from apps.audit.presenters.integrity import verdict_sentence
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys
from apps.core.runs import read_runs


class Command(PortalCommand):
    help = (
        "Records that these events were written past the portal, so that later events are signed again. They"
        " stay in the log, and every verification names them. docs/audit.md explains when to use it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "events", nargs="+", metavar="SEQ", help="the number of an event, or a range: 7-9"
        )
        parser.add_argument("--report", required=True, help="reference of the report about it: one word")

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        try:
            runs = read_runs(options["events"])
        except ValueError as error:
            raise CommandError(f"{error} is not the number of an event, or a range such as 7-9") from error
        try:
            seq = acknowledge(runs, report=options["report"], actor=Actor.system("audit_acknowledge"))
        except NotAcknowledgedError as error:
            more = f" {verdict_sentence(error.result)}" if error.result else ""
            raise CommandError(f"{error}.{more} Nothing was recorded.", returncode=2) from error
        except OSError as error:
            raise CommandError(f"The file of checkpoints cannot be read: {error.strerror}") from error
        self.stdout.write(f"Recorded as event {seq}. Run manage.py audit_verify to update the status.")
