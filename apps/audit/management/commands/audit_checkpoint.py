"""Sign the audit log immediately."""

from __future__ import annotations

import base64
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.audit.integrity import checkpoints
from apps.audit.integrity.signing import NotSignedError, sign_checkpoint
from apps.core.actor import Actor
from apps.core.commands import PortalCommand
from apps.core.key_fingerprints import require_accepted_keys


class Command(PortalCommand):
    help = (
        "Verifies what came since the last checkpoint, signs it, appends it to the file and prints the line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--key", action="store_true", help="only show the public key and its id")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["key"]:
            key = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key()
            public = base64.b64encode(key.public_bytes_raw()).decode()
            self.stdout.write(f"{public} (id {checkpoints.key_id(key)})")
            return
        require_accepted_keys()
        try:
            signed = sign_checkpoint(Actor.system("audit_checkpoint"))
        except NotSignedError as error:
            raise CommandError(f"{error}. Run manage.py audit_verify.", returncode=2) from error
        except OSError as error:
            raise CommandError(f"The file of checkpoints cannot be written: {error.strerror}") from error
        if signed is None:
            self.stderr.write("Nothing came since the last checkpoint.")
