"""The proof as a zip archive, made while it is sent: a large log takes no more memory than a small one."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Iterator
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

logger = logging.getLogger("apps.audit")

VERIFIER: Final = Path(__file__).with_name("verify_audit_log.py")


def record_download(actor: Actor) -> bool:
    """Record that the proof is downloaded, before any of it is sent. Returns whether the log took the event.

    Where the head row was altered, no event can be recorded, and the proof is needed most: then a line of the
    portal's own log replaces the event. Other errors of the database are raised, and nothing is sent.
    """
    try:
        with transaction.atomic():
            head = read_head()
            record(Event(AUDIT_PROOF_DOWNLOADED, actor, data={"last": head[0] if head else 0}))
    except (EventRefused, EventError):  # the second: the head is beyond 2**53, which no event can hold
        logger.error("audit_proof_not_recorded", extra={"actor_id": actor.id})
        return False
    return True


def bundle(*, recorded: bool = True) -> Iterator[bytes]:
    """The archive in parts: every event, the checkpoints, the public keys, a manifest, and the verifier.

    ``recorded``: whether the download was recorded, for the manifest. The head and the end
    of the file are taken first, as in a verification. Whoever takes a part may be slow: no connection is held
    meanwhile. Raises the database's errors, and ``TransactionManagementError`` inside a transaction.
    """
    head, path = _head(), settings.AUDIT_CHECKPOINT_FILE
    end = checkpoints.size_of(path)
    sink = _Sink()
    digests: dict[str, str] = {}
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        contents = {
            "events.jsonl": _event_lines(),
            "checkpoints.jsonl": _file_until(path, end),
            "public_keys.txt": iter([_public_keys()]),
            "verify_audit_log.py": iter([VERIFIER.read_bytes()]),
        }
        for name, parts in contents.items():
            digest = hashlib.sha256()
            with archive.open(_entry(name), "w", force_zip64=True) as file:
                for part in parts:
                    digest.update(part)
                    file.write(part)
                    yield from sink.taken()
            digests[name] = digest.hexdigest()
        manifest = {
            "made_at": clock.now().isoformat(timespec="seconds"),
            "portal_version": settings.VERSION,
            "head": head,
            "head_afterwards": _head(),  # events that came meanwhile may be in it
            "recorded": recorded,
            "files": digests,
        }
        archive.writestr(_entry("manifest.json"), json.dumps(manifest, indent=2) + "\n")
    yield from sink.taken()


def _head() -> dict[str, int | str] | None:
    head = read_head()
    release_database_connections()
    return None if head is None else {"seq": head[0], "hash": head[1]}


def _event_lines() -> Iterator[bytes]:
    for rows in rows_after(None):
        release_database_connections()
        yield b"".join(event_line(row) for row in rows)
    release_database_connections()  # the end of the log was asked for, too


def event_line(row: StoredRow) -> bytes:
    """One line of ``events.jsonl``: the row as JSON in the chain's own spelling."""
    fields: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    if fields["failure"] in (0, 1):  # as SQLite gives it back; anything else is written as it is
        fields["failure"] = bool(fields["failure"])
    try:
        text = canonical_json(fields)
    except (TypeError, ValueError):  # a value that the portal never stores: shown, so that it is found
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


def _entry(name: str) -> zipfile.ZipInfo:
    now = clock.now()
    entry = zipfile.ZipInfo(name, now.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


class _Sink(io.RawIOBase):
    """A file that cannot be gone back in: what was written is taken out and sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        """What was written since, once."""
        parts, self._parts = self._parts, []
        if parts:
            yield b"".join(parts)
