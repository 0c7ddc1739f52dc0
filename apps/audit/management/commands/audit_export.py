"""Write new events of the audit log to standard output, for a SIEM."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q

from apps.audit import export
from apps.audit.models import AuditEvent
from apps.audit.recording import EventRefused
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.export.formats import Format
from apps.core.key_fingerprints import require_accepted_keys

ACTOR = Actor.system("audit_export")


class Command(PortalCommand):
    help = (
        "Writes the events after a sequence number to standard output, oldest first. To continue, give the"
        " last number received. Exit code: 0 everything was written, 1 it was not."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--after", type=int, required=True, metavar="SEQ", help="0 for the whole log")
        parser.add_argument(
            "--format", choices=[form.value for form in export.FORMATS], default=Format.JSONL.value
        )

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        try:
            self._write(options["after"], Format(options["format"]))
        except OSError as error:
            # Discard the buffer, so that Python does not try to flush it again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise CommandError("The reader of the output has gone") from None
            raise CommandError(f"The output cannot be written: {error.strerror}") from None
        except EventRefused:
            raise CommandError("The log takes no events, so this export cannot be recorded") from None

    def _write(self, after: int, form: Format) -> None:
        everything = export.find_range()
        first_there, last_there = everything or (1, 0)
        if not 0 <= after <= last_there:
            raise CommandError(f"The log ends at {last_there}: there is no event {after}")
        if after + 1 < first_there:
            self.stderr.write(f"Events {after + 1} to {first_there - 1} are no longer stored")
        new = AuditEvent.objects.filter(seq__gt=after, seq__lte=last_there)
        # This command's own events do not count as new, otherwise each run would cause the next.
        own = Q(action__startswith="audit.export", actor_id=None, actor_name=ACTOR.name)
        if not new.exclude(own).exists():
            return
        asked = export.Export(form, max(after + 1, first_there), last_there)
        export.begin(asked, ACTOR)
        with closing(export.write(asked, ACTOR, delivered=self.stdout.flush)) as pieces:
            for piece in pieces:
                self.stdout.write(piece, ending="")
        self.stdout.flush()
