"""Remove the oldest events of the audit log, up to a number or an age."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any

from django.core.management.base import CommandError

from apps.audit.integrity import retention
from apps.audit.integrity.signing import NotSignedError
from apps.audit.models import AuditEvent
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys

ACTOR = Actor.system("audit_retain")


class Command(PortalCommand):
    help = (
        "Removes the oldest events, up to the last signed checkpoint within the given limit. Run"
        " it with the role that owns the tables, in a quiet hour: the portal does not write meanwhile."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        until = parser.add_mutually_exclusive_group(required=True)
        until.add_argument("--up-to", type=int, metavar="SEQ", help="the last event that may be removed")
        until.add_argument(
            "--older-than", type=_days, metavar="DAYS", help="events of that age may be removed"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be removed, and remove nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        try:
            self._retain(options["up_to"], options["older_than"], dry_run=options["dry_run"])
        except (retention.RetentionError, NotSignedError) as refused:
            raise CommandError(str(refused)) from None
        except OSError as error:
            raise CommandError(f"The file of checkpoints cannot be used ({type(error).__name__})") from None

    def _retain(self, up_to: int | None, days: int | None, *, dry_run: bool) -> None:
        removal = retention.plan(retention.sequence_before(days or 0) if up_to is None else up_to)
        if removal is None:
            self.stdout.write("Nothing to remove: no signed checkpoint is that old.")
            return
        words = (
            f"{removal.rows} events, {removal.first} ({_day_of(removal.first)})"
            f" to {removal.last} ({_day_of(removal.last)})"
        )
        if dry_run:
            self.stdout.write(f"Would remove {words}.")
            return
        retention.apply(removal, ACTOR)
        self.stdout.write(f"Removed {words}.")


def _days(text: str) -> int:
    days = int(text)
    if days < 1:
        raise argparse.ArgumentTypeError("at least one day")
    return days


def _day_of(seq: int) -> dt.date | str:
    at = AuditEvent.objects.get(seq=seq).at
    return at.date() if at else "–"
