"""Write the proof of the audit log to a file, without a sign-in."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit.integrity.proof.bundle import bundle, record_download
from apps.core import key_fingerprints
from apps.core.actor import Actor
from apps.core.connections import DATABASE_ERRORS, database_failure

ACTOR = Actor.system("audit_proof")


class Command(BaseCommand):
    help = (
        "Writes the proof of the audit log into a file, also while the log accepts no events and sign-in is"
        " therefore impossible. Exit code: 0 written, 2 written but not recorded in the log, 1 not written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the archive; the file must not exist")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            recorded, size, digest = _write(path)
        except FileExistsError:
            raise CommandError("No proof was written: there is a file of that name") from None
        except OSError as error:
            raise CommandError(f"No proof was written: {error}") from None
        except DATABASE_ERRORS as error:
            raise CommandError(f"No proof was written. {database_failure(error)}") from None
        warning = (
            ""
            if recorded
            else "; not recorded, because the log accepts no events of this process: write down who made it"
        )
        self.stdout.write(f"Wrote {path}: {size} bytes, SHA-256 {digest}{warning}")
        if not recorded:
            sys.exit(2)


def _write(path: Path) -> tuple[bool, int, str]:
    """Write the file atomically; return whether the event was recorded, the size in bytes and the SHA-256."""
    if os.path.lexists(path):
        raise FileExistsError
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file:
            # An event under a foreign MAC key would itself be an alteration.
            recorded = key_fingerprints.are_accepted() and record_download(ACTOR)
            for piece in bundle(recorded=recorded):
                file.write(piece)
                digest.update(piece)
            size = file.tell()
            file.flush()
            os.fsync(handle)
        _rename(part, path)
    finally:
        part.unlink(missing_ok=True)
    return recorded, size, digest.hexdigest()


def _rename(part: Path, path: Path) -> None:
    """Rename without replacing an existing file. Raises ``FileExistsError``."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as on a USB stick
        if os.path.lexists(path):
            raise FileExistsError from None
        part.rename(path)
