"""Signed checkpoints, stored outside the database, that confirm the state of the chain.

A checkpoint states the hash of the log up to a sequence number at a point in time. It is signed with Ed25519
(RFC 8032), contains the previous checkpoint's signature, and is one line of a JSON Lines file. The signed
bytes are the line's JSON without ``signature``, serialised as in :mod:`apps.audit.chain`. With the database
but without the key, the history cannot be rewritten undetected; with the file but without the key, no line
can be dropped or changed undetected. Each line also contains the SHA-256 of the previous line, so that the
last signature covers all lines: see :func:`is_covered_by_last_signature`.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from apps.audit.chain import GENESIS, canonical_json

KIND: Final = "audit checkpoint"
FORMAT: Final = 1
TAIL: Final = 64 * 1024
"""Bytes at the end of the file that are searched for its last checkpoint; a line has about 500."""


class Beginning(NamedTuple):
    """The first sequence number of the log (above 1 once rows were removed), and the hash before that row."""

    first: int = 1
    anchor: str = GENESIS


class Checkpoint(NamedTuple):
    """One line of the file.

    ``seq`` and ``hash``: of the last covered row. ``first`` and ``anchor``: the beginning of the log.
    ``time``: microseconds since 1970 in UTC. ``key``: id of the signing key. ``previous``: signature of the
    previous checkpoint. ``previous_line``: SHA-256 of its line without the line end. Both are empty in the
    first checkpoint. Signatures are 128 hex digits, hashes 64.
    """

    seq: int
    hash: str
    time: int
    first: int
    anchor: str
    key: str
    previous: str
    previous_line: str
    signature: str = ""

    @property
    def beginning(self) -> Beginning:
        """The beginning of the log according to this checkpoint."""
        return Beginning(self.first, self.anchor)

    def signed_bytes(self) -> bytes:
        """The bytes that the signature covers."""
        fields = {**self._asdict(), "kind": KIND, "format": FORMAT}
        del fields["signature"]
        return canonical_json(fields).encode()

    def line(self) -> str:
        """The checkpoint's line in the file, without the line end."""
        return canonical_json({**self._asdict(), "kind": KIND, "format": FORMAT})

    def line_hash(self) -> str:
        """SHA-256 of the line, which the next checkpoint contains."""
        return hashlib.sha256(self.line().encode()).hexdigest()

    def is_successor_of(self, before: Checkpoint | None) -> bool:
        """Whether this checkpoint was created directly after ``before`` (None: as the first)."""
        if before is None:
            return (self.previous, self.previous_line) == ("", "")
        links = (before.signature, before.line_hash())
        return self.seq > before.seq and (self.previous, self.previous_line) == links

    def signed_with(self, key: Ed25519PrivateKey) -> Self:
        """A copy with its signature."""
        return self._replace(signature=key.sign(self.signed_bytes()).hex())

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is valid for this key."""
        try:
            key.verify(bytes.fromhex(self.signature), self.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


def signing_key(text: str) -> Ed25519PrivateKey:
    """The private key from its 32 bytes in base64. Raises ``ValueError``, without the text, if malformed."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError("is not the base64 of 32 bytes") from None


def public_key(text: str) -> Ed25519PublicKey:
    """The public key from its 32 bytes in base64. Raises ``ValueError`` if malformed."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError("is not the base64 of 32 bytes") from None


def key_id(key: Ed25519PublicKey) -> str:
    """Short id of a key, also for comparison by people: 16 hex digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def keys_by_id(signing: str, former: Iterable[str] = ()) -> Mapping[str, Ed25519PublicKey]:
    """The public half of the signing key and the former public keys, by their ids."""
    keys = [signing_key(signing).public_key(), *map(public_key, former)]
    return {key_id(key): key for key in keys}


def parse(line: bytes) -> Checkpoint | None:
    """The checkpoint of a line; None for a truncated or foreign line."""
    try:
        fields: dict[str, Any] = json.loads(line)
        kind, version = fields.pop("kind"), fields.pop("format")
        checkpoint = Checkpoint(**fields)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    numbers = (checkpoint.seq, checkpoint.time, checkpoint.first)
    texts = (checkpoint.hash, *checkpoint[-5:])
    if (kind, version) != (KIND, FORMAT) or not all(type(number) is int for number in numbers):
        return None
    if not all(isinstance(text, str) for text in texts) or checkpoint.line().encode() != line.rstrip(b"\n"):
        return None
    return checkpoint


def size_of(path: Path) -> int:
    """Current size of the file in bytes; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read(path: Path, *, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, Checkpoint]]:
    """The checkpoints between two byte offsets of the file, each with the offset of its line.

    Unreadable lines are skipped: the chain of signatures shows whether one of them was a checkpoint.
    """
    end = size_of(path) if end is None else end
    if end <= begin:
        return
    with path.open("rb") as file:
        file.seek(begin)
        offset = begin
        while offset < end and (line := file.readline()):
            if checkpoint := parse(line):
                yield offset, checkpoint
            offset += len(line)


def is_covered_by_last_signature(path: Path, keys: Mapping[str, Ed25519PublicKey], *, end: int) -> bool:
    """Whether the last signature covers every line up to byte ``end``, so that no other need be checked.

    True if each line's hash is in the next line and the last signature is valid. Without a key, no other line
    with the same hash can be created, and each signing process verified the previous line first.
    """
    before: Checkpoint | None = None
    for _offset, checkpoint in read(path, end=end):
        if checkpoint.key not in keys or not checkpoint.is_successor_of(before):
            return False
        before = checkpoint
    return before is not None and before.is_signed_by(keys[before.key])


def last_valid(
    path: Path, keys: Mapping[str, Ed25519PublicKey], *, end: int | None = None
) -> tuple[int, Checkpoint] | None:
    """The last checkpoint signed by one of the keys, with its byte offset; None if there is none."""
    end = size_of(path) if end is None else end
    for begin in dict.fromkeys((max(0, end - TAIL), 0)):
        for offset, checkpoint in reversed([*read(path, begin=begin, end=end)]):
            if checkpoint.key in keys and checkpoint.is_signed_by(keys[checkpoint.key]):
                return offset, checkpoint
    return None


def file_id(path: Path) -> str | None:
    """Identifier of this machine's file: the first 16 digits of its first signature."""
    first = next(read(path), None)
    return first[1].signature[:16] if first else None


def append(path: Path, checkpoint: Checkpoint) -> None:
    """Append the checkpoint to the file and sync it to disk. Raises ``OSError``.

    The file needs append permission only (``chattr +a`` is possible). A line truncated by a power cut or a
    full disk therefore stays, and the new line starts after it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        whole = size == 0 or os.pread(file, 1, size - 1) == b"\n"
        line = ("" if whole else "\n") + checkpoint.line() + "\n"
        text = line.encode()
        if os.write(file, text) < len(text):  # a full disk can cause a partial write without an error
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
        if size == 0:
            _sync_folder(path.parent)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that the name of a new file is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
