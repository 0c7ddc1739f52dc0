"""Signed checkpoints: what vouches for the chain from outside the database.

A checkpoint says "up to this sequence the log had this hash, at this time". It is signed with Ed25519
(RFC 8032), carries the signature of the checkpoint before it, and is one line of a file of JSON Lines. The
signed bytes are the line's JSON without ``signature``, written as in :mod:`apps.audit.chain`. Whoever has the
database but not the key cannot write another history; whoever has the file but not the key cannot drop or
change a line of it without a trace. Each carries the SHA-256 of the line before it, too, so that the last
signature covers all of them: see :func:`covered_by_the_last`.
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
"""Bytes at the end of the file in which its last checkpoint is looked for; a line has about 500."""


class Beginning(NamedTuple):
    """With which sequence the log begins, and the hash before that row: above 1 once rows were removed."""

    first: int = 1
    anchor: str = GENESIS


class Checkpoint(NamedTuple):
    """One line of the file.

    ``seq`` and ``hash`` are those of the last row that it vouches for, ``first`` and ``anchor`` say where the
    log begins, ``time`` counts microseconds since 1970 in UTC, ``key`` is the id of the signing key,
    ``previous`` the signature of the checkpoint before and ``previous_line`` the SHA-256 of its whole line,
    without the line's end (both empty in the first). Signatures are 128 hex digits, the others 64.
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
        """Where the log begins, as this checkpoint says."""
        return Beginning(self.first, self.anchor)

    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        fields = {**self._asdict(), "kind": KIND, "format": FORMAT}
        del fields["signature"]
        return canonical_json(fields).encode()

    def line(self) -> str:
        """The checkpoint as it stands in the file, without the line's end."""
        return canonical_json({**self._asdict(), "kind": KIND, "format": FORMAT})

    def line_hash(self) -> str:
        """What the next checkpoint carries of this one."""
        return hashlib.sha256(self.line().encode()).hexdigest()

    def follows(self, before: Checkpoint | None) -> bool:
        """Whether it was made as the next one after that (None: as the first)."""
        if before is None:
            return (self.previous, self.previous_line) == ("", "")
        links = (before.signature, before.line_hash())
        return self.seq > before.seq and (self.previous, self.previous_line) == links

    def signed_with(self, key: Ed25519PrivateKey) -> Self:
        """The same with its signature."""
        return self._replace(signature=key.sign(self.signed_bytes()).hex())

    def holds_under(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is this key's signature over this checkpoint."""
        try:
            key.verify(bytes.fromhex(self.signature), self.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


def signing_key(text: str) -> Ed25519PrivateKey:
    """The key out of its 32 bytes in base64. Raises ``ValueError`` for anything else, without showing it."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError("is not the base64 of 32 bytes") from None


def public_key(text: str) -> Ed25519PublicKey:
    """A public key out of its 32 bytes in base64. Raises ``ValueError``."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        raise ValueError("is not the base64 of 32 bytes") from None


def key_id(key: Ed25519PublicKey) -> str:
    """Short name of a key, also for people to compare: 16 hex digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def keys_by_id(signing: str, former: Iterable[str] = ()) -> Mapping[str, Ed25519PublicKey]:
    """The public half of the signing key and the former public keys, by their ids."""
    keys = [signing_key(signing).public_key(), *map(public_key, former)]
    return {key_id(key): key for key in keys}


def parse(line: bytes) -> Checkpoint | None:
    """The checkpoint of a line; None for a line that no writer of ours finished (a torn or a strange one)."""
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
    """Bytes of the file now; 0 when there is none yet."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read(path: Path, *, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, Checkpoint]]:
    """The checkpoints that stand between two places of the file, each with the place of its line.

    Lines that cannot be read are passed over: the signatures, each over the one before, tell whether they
    were ours.
    """
    end = size_of(path) if end is None else end
    if end <= begin:
        return
    with path.open("rb") as file:
        file.seek(begin)
        place = begin
        while place < end and (line := file.readline()):
            if checkpoint := parse(line):
                yield place, checkpoint
            place += len(line)


def covered_by_the_last(path: Path, keys: Mapping[str, Ed25519PublicKey], *, end: int) -> bool:
    """Whether one signature vouches for every line of the file up to that place: then no other is looked at.

    It does if each line is named by the next one, by its hash, and the last one holds. Nobody without a key
    can make another line with the same hash, and whoever signed the last one had found the one before good.
    """
    before: Checkpoint | None = None
    for _place, checkpoint in read(path, end=end):
        if checkpoint.key not in keys or not checkpoint.follows(before):
            return False
        before = checkpoint
    return before is not None and before.holds_under(keys[before.key])


def last_valid(
    path: Path, keys: Mapping[str, Ed25519PublicKey], *, end: int | None = None
) -> tuple[int, Checkpoint] | None:
    """The last checkpoint that one of the keys signed, with its place; None when there is none."""
    end = size_of(path) if end is None else end
    for begin in dict.fromkeys((max(0, end - TAIL), 0)):
        for place, checkpoint in reversed([*read(path, begin=begin, end=end)]):
            if checkpoint.key in keys and checkpoint.holds_under(keys[checkpoint.key]):
                return place, checkpoint
    return None


def file_id(path: Path) -> str | None:
    """What tells this file from those of other machines: the beginning of its first signature."""
    first = next(read(path), None)
    return first[1].signature[:16] if first else None


def append(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint at the end of the file and wait for the disk. Raises ``OSError``.

    The file needs no other right than to be appended to (``chattr +a`` suits it), so a line that a power
    cut or a full disk has torn stays; the new one begins behind it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        whole = size == 0 or os.pread(file, 1, size - 1) == b"\n"
        line = ("" if whole else "\n") + checkpoint.line() + "\n"
        text = line.encode()
        if os.write(file, text) < len(text):  # a disk that fills up takes a part, and that is no error yet
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
        if size == 0:
            _sync_folder(path.parent)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has the name of a new file, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
