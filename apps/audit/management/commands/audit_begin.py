"""Adopt the beginning of the log from another machine's checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.audit.integrity import checkpoints
from apps.audit.integrity.own_checkpoints import last_own_checkpoint, own_keys
from apps.audit.integrity.signing import NotSignedError, adopt_beginning
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys

MAX_ATTEMPTS = 3


class Command(PortalCommand):
    help = (
        "After the oldest events were removed on another machine: takes over from a copy of its file of"
        " checkpoints where the log begins, verifies the log from there, and signs that into the file of this"
        " machine. Also for a new machine, or one whose file was lost: the copy covers events under"
        " former MAC keys."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the copy; its last checkpoint is enough")

    def handle(self, *args: Any, **options: Any) -> None:
        require_accepted_keys()
        try:
            self._take_over(options["file"])
        except NotSignedError as error:
            raise CommandError(f"{error}. Run manage.py audit_verify.", returncode=2) from error
        except OSError as error:
            raise CommandError(f"A file of checkpoints cannot be used: {error.strerror}") from error

    def _take_over(self, file: Path) -> None:
        file.stat()  # a missing file would be read as an empty one
        other = checkpoints.last_valid(file, own_keys())
        if other is None:
            raise CommandError("The file holds no checkpoint that a key of this portal has signed")
        own = last_own_checkpoint()
        if own is not None and other[1].first <= own.first:
            self.stdout.write("This machine knows already where the log begins.")
            return
        for _attempt in range(MAX_ATTEMPTS):  # a worker may sign first
            if adopt_beginning(other[1], Actor.system("audit_begin")) is not None:
                return
        raise CommandError("The checkpoint could not be signed: others sign all the time")
