"""The proof as a ZIP archive, streamed with constant memory."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from apps.audit.audit_events import AUDIT_PROOF_DOWNLOADED
from apps.audit.chain import canonical_json
from apps.audit.events import Event, EventError
from apps.audit.integrity import checkpoints
from apps.audit.integrity.bulk_hashing import COLUMNS, StoredRow
from apps.audit.integrity.stored_rows import read_head, rows_after
from apps.audit.recording import EventRefused, record
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.export.zip_stream import ZipStream

logger = logging.getLogger("apps.audit")

VERIFIER: Final = Path(__file__).with_name("verify_audit_log.py")


def record_download(actor: Actor) -> bool:
    """Record the download before any of it is sent. Returns whether the event could be recorded.

    If the head row was altered, no event can be recorded, but the proof is needed most. The application log
    then contains the download instead. Raises other errors of the database; nothing is sent then.
    """
    try:
        with transaction.atomic():
            head = read_head()
            record(Event(AUDIT_PROOF_DOWNLOADED, actor, data={"last": head[0] if head else 0}))
    except (EventRefused, EventError):  # EventError: the head's number is too large for an event (2**53)
        logger.error("audit_proof_not_recorded", extra={"actor_id": actor.id})
        return False
    return True


def bundle(*, recorded: bool = True) -> Generator[bytes, None, None]:
    """Yield the archive in parts: events, checkpoints, public keys, manifest, and the verifier program.

    ``recorded``: whether the download was recorded, for the manifest. The head and the file's end are read
    first, as in a verification. No database connection is held while a part is sent. Raises the database's
    errors, and ``TransactionManagementError`` inside a transaction.
    """
    head, path = _head(), settings.AUDIT_CHECKPOINT_FILE
    end = checkpoints.size_of(path)
    digests: dict[str, str] = {}
    made: list[bytes] = []
    archive = ZipStream(made.append, modified=clock.now(), zip64=True)
    contents = {
        "events.jsonl": _event_lines(),
        "checkpoints.jsonl": _file_until(path, end),
        "public_keys.txt": iter([_public_keys()]),
        "verify_audit_log.py": iter([VERIFIER.read_bytes()]),
    }
    for name, parts in contents.items():
        digest = hashlib.sha256()
        archive.begin(name)
        for part in parts:
            digest.update(part)
            archive.write(part)
            yield from _taken(made)
        archive.end()
        digests[name] = digest.hexdigest()
    manifest = {
        "made_at": clock.now().isoformat(timespec="seconds"),
        "portal_version": settings.VERSION,
        "head": head,
        "head_afterwards": _head(),  # may include events recorded since
        "recorded": recorded,
        "files": digests,
    }
    archive.add("manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())
    archive.close()
    yield from _taken(made)


def _taken(made: list[bytes]) -> Iterator[bytes]:
    """Yield what has been made, and empty the list."""
    if made:
        yield b"".join(made)
        made.clear()


def _head() -> dict[str, int | str] | None:
    head = read_head()
    release_database_connections()
    return None if head is None else {"seq": head[0], "hash": head[1]}


def _event_lines() -> Iterator[bytes]:
    for rows in rows_after(None):
        release_database_connections()
        yield b"".join(event_line(row) for row in rows)
    release_database_connections()  # the last query, which found the end of the log


def event_line(row: StoredRow) -> bytes:
    """One line of ``events.jsonl``: the row as canonical JSON, with its hashes."""
    fields: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    if fields["failure"] in (0, 1):  # from SQLite; any other value is written unchanged
        fields["failure"] = bool(fields["failure"])
    try:
        text = canonical_json(fields)
    except (TypeError, ValueError):  # a value that the portal never stores: include it for the verifier
        text = json.dumps(fields, sort_keys=True, default=repr)
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _file_until(path: Path, end: int) -> Iterator[bytes]:
    if not end:
        return
    with path.open("rb") as file:
        while left := end - file.tell():
            part = file.read(min(left, 1 << 20))
            if not part:
                return
            yield part


def _public_keys() -> bytes:
    own = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY).public_key().public_bytes_raw()
    keys = [base64.b64encode(own).decode(), *settings.AUDIT_FORMER_PUBLIC_KEYS]
    return "".join(f"{key}\n" for key in keys).encode()
