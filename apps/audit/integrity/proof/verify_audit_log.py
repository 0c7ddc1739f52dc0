#!/usr/bin/env python3
"""Checks a proof of the Consumer Portal's audit log. It needs nothing but Python 3.11 or newer.

    python3 verify_audit_log.py PROOF.zip [--key ID]

PROOF is the downloaded archive, or the folder into which it was unpacked. The program trusts nothing in it
but the public keys: with --key, name the id that you were given by another way, and the last signature has to
be that key's; or compare the id that the program prints. A log that was exchanged as a whole, with its key,
shows in nothing else. It prints, too, up to which event the last signature reaches and from when it is: who
cuts the checkpoints off at an early one can write anything behind it, so compare both with a copy of the
checkpoints that was kept elsewhere.

In the archive:

events.jsonl       One event a line, a JSON object with sorted keys and no blanks, in UTF-8. Its "hash" is the
                   SHA-256, in hex, of: the 32 bytes of "previous_hash", then the line's JSON without the keys
                   "hash" and "previous_hash". The very first "previous_hash" is 64 zeros; "seq" rises by one.
checkpoints.jsonl  One checkpoint a line. Its "signature" is the Ed25519 signature (RFC 8032) over the line's
                   JSON without the key "signature". "seq" and "hash" are those of the last event that it
                   vouches for, "previous" is the signature of the checkpoint before, "previous_line" the
                   SHA-256 of its line, "first" the event with which the log begins and "anchor" the hash
                   before that one. Where each line names the one before it, the last signature vouches for
                   all of them.
public_keys.txt    The keys that may sign: the base64 of 32 bytes each, a line each.
manifest.json      What the portal said when it made the archive: the head of the log, SHA-256 of the files.

Exit code: 0 unchanged, 1 the events hold together but nothing signed vouches for them, 2 altered,
3 unreadable.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

GENESIS = "0" * 64
EVENT_KEYS = {
    "action",
    "actor_id",
    "actor_name",
    "actor_roles",
    "client_address",
    "consumer_ref",
    "data",
    "failure",
    "format",
    "guest_ref",
    "hash",
    "order_ref",
    "peer_address",
    "person",
    "previous_hash",
    "request_id",
    "seq",
    "submission",
    "time",
}
CHECKPOINT_KEYS = {
    "anchor",
    "first",
    "format",
    "hash",
    "key",
    "kind",
    "previous",
    "previous_line",
    "seq",
    "signature",
    "time",
}
GOOD = ("unchanged", "unsigned")
Event = dict[str, Any]
Finding = tuple[str, int | None]
Point = tuple[int, int, int, int]
WORDS = {
    "unchanged": "The audit log is unchanged.",
    "changed": "Event {} was changed.",
    "inserted": "Event {} was inserted.",
    "missing": "Event {} is missing.",
    "reordered": "Events were reordered, from event {} on.",
    "tail_cut": "The end of the log was cut off, from event {} on.",
    "rewritten": "The log was rewritten before the checkpoint at event {}.",
    "key_unknown": "The checkpoint at event {} was signed with another key.",
    "checkpoints_damaged": "The checkpoint at event {} is missing, changed or out of place.",
    "head_differs": "The log does not agree with its head, from event {} on.",
    "bundle_damaged": "The files are not the ones that the manifest lists.",
    "unsigned": "The events hold together, but no checkpoint vouches for them.",
}


# --- Ed25519, verification only (RFC 8032, section 5.1) ---------------------------------------------
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL: Point = (0, 1, 1, 0)


def add_points(one: Point, other: Point) -> Point:
    """The sum of two points in extended coordinates (section 5.1.4)."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def decode_point(data: bytes) -> Point | None:
    """The point of 32 bytes (section 5.1.3); None when they are none."""
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are the signature over the message under the 32 bytes of a key (section 5.1.7)."""
    key, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or len(signature) != 64 or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    h = int.from_bytes(digest, "little") % ORDER
    minus_key = (P - key[0], key[1], 1, P - key[3])
    # s * BASE - h * key in one go, bit by bit from the highest.
    table = (NEUTRAL, BASE, minus_key, add_points(BASE, minus_key))
    result = NEUTRAL
    for bit in range(max(s.bit_length(), h.bit_length()) - 1, -1, -1):
        result = add_points(result, result)
        result = add_points(result, table[(s >> bit & 1) | (h >> bit & 1) << 1])
    x, y, z, _ = result
    return (x - r[0] * z) % P == 0 and (y - r[1] * z) % P == 0


# --- The archive ------------------------------------------------------------------------------------
class UnreadableError(Exception):
    """The archive lacks a file, or it is no archive of this kind."""


class Archive:
    """The files of a proof, in a zip file or a folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.zip = None if self.path.is_dir() else zipfile.ZipFile(self.path)

    def open(self, name: str) -> IO[bytes]:
        return self.zip.open(name) if self.zip else (self.path / name).open("rb")

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()

    def size(self, name: str) -> int:
        return self.zip.getinfo(name).file_size if self.zip else (self.path / name).stat().st_size

    def events(self, note: Callable[[bytes], object] = lambda line: None) -> Iterator[Event | None]:
        """Every event in the order of the lines; None for a line that is not written as it must be."""
        with self.open("events.jsonl") as file:
            for line in file:
                note(line)
                yield parse_event(line)


def write_json(value: object) -> bytes:
    """JSON with sorted keys and no blanks, in UTF-8: what is hashed and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_line(line: bytes, keys: set[str]) -> dict[str, Any] | None:
    """The object of a line with exactly these keys, written as it must be; None otherwise."""
    try:
        value = json.loads(line)
        same = (
            isinstance(value, dict) and set(value) == keys and write_json(value) == line.removesuffix(b"\n")
        )
    except (ValueError, RecursionError):
        return None
    return value if same and type(value["seq"]) is int else None


def parse_event(line: bytes) -> Event | None:
    """The event of a line, with the hash that its content makes as "made"; None in another form."""
    event = parse_line(line, EVENT_KEYS)
    if event is None:
        return None
    try:
        link = bytes.fromhex(event["previous_hash"])
    except (TypeError, ValueError):
        return None
    hashed = {key: event[key] for key in event if key not in ("hash", "previous_hash")}
    event["made"] = hashlib.sha256(link + write_json(hashed)).hexdigest()
    return event


def fits(event: Event) -> bool:
    """Whether the hash of an event is the one that its content makes."""
    return bool(event["made"] == event["hash"])


def made_as(event: Event, sequences: Iterable[int]) -> int | None:
    """With which sequence the hash of an event was made; None when none of these makes it."""
    link = bytes.fromhex(event["previous_hash"])
    hashed = {key: event[key] for key in event if key not in ("hash", "previous_hash", "made")}
    before, _, after = write_json(hashed).partition(b',"seq":%d,' % event["seq"])
    start = hashlib.sha256(link + before)
    own: int = event["seq"]
    for seq in (own, *sequences):
        attempt = start.copy()
        attempt.update(b',"seq":%d,%b' % (seq, after))
        if attempt.hexdigest() == event["hash"]:
            return seq
    return None


# --- Checkpoints ------------------------------------------------------------------------------------
def keys_by_id(archive: Archive) -> dict[str, bytes]:
    """The public keys of the archive, each 32 bytes, by their ids."""
    keys = [base64.b64decode(line) for line in archive.read("public_keys.txt").split()]
    return {hashlib.sha256(key).hexdigest()[:16]: key for key in keys}


class Checkpoints:
    """The checkpoints that count, by their sequence, and the first thing that is wrong with the others."""

    def __init__(self, archive: Archive) -> None:
        self.keys = keys_by_id(archive)
        self.hashes: dict[int, str] = {}
        self.first, self.anchor = 1, GENESIS
        self.doubt: Finding | None = None
        self.file: str | None = None
        self.last: dict[str, Any] | None = None  # of those that count: its signature covers the others
        covered = self._covered_by_the_last(archive)
        before: dict[str, Any] | None = None
        for checkpoint in self._lines(archive):
            self.file = self.file or checkpoint["signature"][:16]
            seq = checkpoint["seq"]
            if checkpoint["key"] not in self.keys:
                self.doubt = self.doubt or ("key_unknown", seq)
                continue
            if not covered and not self._holds(checkpoint):
                self.doubt = self.doubt or ("checkpoints_damaged", seq)
                continue
            rises = before is None or seq > before["seq"]
            if not self._follows(checkpoint, before):
                self.doubt = self.doubt or ("checkpoints_damaged", seq)
            if rises:
                self.last = before = checkpoint
                self.hashes[seq] = checkpoint["hash"]
                self.first, self.anchor = checkpoint["first"], checkpoint["anchor"]

    @staticmethod
    def _lines(archive: Archive) -> Iterator[dict[str, Any]]:
        """Those that can be read. Others were torn by a power cut, or are strange: the rest tells."""
        with archive.open("checkpoints.jsonl") as file:
            for line in file:
                checkpoint = parse_line(line, CHECKPOINT_KEYS)
                texts = ("anchor", "hash", "key", "previous", "previous_line", "signature")
                if checkpoint is None or not all(isinstance(checkpoint[key], str) for key in texts):
                    continue
                if type(checkpoint["first"]) is int and type(checkpoint["time"]) is int:
                    yield checkpoint

    @staticmethod
    def _follows(checkpoint: dict[str, Any], before: dict[str, Any] | None) -> bool:
        """Whether it was made as the next one after that (None: as the first)."""
        links = (checkpoint["previous"], checkpoint["previous_line"])
        if before is None:
            return links == ("", "")
        line = hashlib.sha256(write_json(before)).hexdigest()
        return checkpoint["seq"] > before["seq"] and links == (before["signature"], line)

    def _covered_by_the_last(self, archive: Archive) -> bool:
        """Whether each line names the one before it by its hash and the last one's signature holds.

        Then nobody without the key has changed any of them, and no other signature need be looked at: one
        takes milliseconds here, and a year has half a million.
        """
        before: dict[str, Any] | None = None
        for checkpoint in self._lines(archive):
            if checkpoint["key"] not in self.keys or not self._follows(checkpoint, before):
                return False
            before = checkpoint
        return before is not None and self._holds(before)

    def _holds(self, checkpoint: dict[str, Any]) -> bool:
        signed = {key: checkpoint[key] for key in checkpoint if key != "signature"}
        try:
            signature = bytes.fromhex(checkpoint["signature"])
        except (TypeError, ValueError):
            return False
        return signature_holds(self.keys[checkpoint["key"]], write_json(signed), signature)


# --- The check --------------------------------------------------------------------------------------
class Report(NamedTuple):
    """What was found, the last checkpoint that counts, the first event and the last (0: not read so far)."""

    finding: Finding
    signed: dict[str, Any] | None
    first: int
    last: int


def check(archive: Archive) -> Finding:
    """The verdict as a code, and the sequence that it is about (None when it is about the whole)."""
    return examine(archive).finding


def examine(
    archive: Archive, key: str | None = None, progress: Callable[[float], object] = lambda part: None
) -> Report:
    """Look at the whole proof. With ``key``, the last signature has to be made by the key with that id."""
    report = look_at(archive, progress)
    signed = report.signed
    if key is not None and signed is not None and signed["key"] != key:
        # Whatever was found rests on a key that anybody can have made.
        return report._replace(finding=("key_unknown", signed["seq"]))
    if key is not None and signed is None and report.finding[0] in GOOD:
        return report._replace(finding=("unsigned", None))
    return report


def look_at(archive: Archive, progress: Callable[[float], object]) -> Report:
    """Hold events, checkpoints and manifest against each other."""
    try:
        manifest = json.loads(archive.read("manifest.json"))
        head, digests = manifest["head"] or {"seq": -1, "hash": ""}, manifest["files"]
        checkpoints = Checkpoints(archive)
        end = manifest["head_afterwards"]
        finding, digest, last = follow(archive, checkpoints, head, progress)
        if end and last > end["seq"] and finding[0] in (*GOOD, "checkpoints_damaged", "key_unknown"):
            finding = "inserted", end["seq"] + 1
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise UnreadableError(f"The proof cannot be read: {type(error).__name__}") from error
    if finding[0] in GOOD:
        own = {"events.jsonl": digest}
        for name in ("checkpoints.jsonl", "public_keys.txt"):
            own[name] = hashlib.sha256(archive.read(name)).hexdigest()
        if any(digests.get(name) != own[name] for name in own):
            finding = "bundle_damaged", None
    return Report(finding, checkpoints.last, checkpoints.first, last)


def follow(
    archive: Archive,
    checkpoints: Checkpoints,
    head: dict[str, Any],
    progress: Callable[[float], object],
) -> tuple[Finding, str, int]:
    """Read every event once: what is wrong first, the SHA-256 of the file, the last sequence."""
    digest, read, size = hashlib.sha256(), 0, archive.size("events.jsonl") or 1

    def note(line: bytes) -> None:
        nonlocal read
        digest.update(line)
        read += len(line)

    first = checkpoints.first
    expected, link = first, checkpoints.anchor
    before: Event | None = None  # the event before, once it is sure that the one behind it knows it
    unclaimed: set[int] = set()
    head_hash = ""
    for place, event in enumerate(archive.events(note)):
        wanted = (expected, link, 1)
        if (
            event is None
            or (event["seq"], event["previous_hash"], event["format"]) != wanted
            or not fits(event)
        ):
            vouched = checkpoints.hashes.get(expected - 1) == link
            return explain(archive, event, Break(place, expected, link, first, head, vouched)), "", 0
        if before is not None and (finding := contradicted(checkpoints, before)):
            return finding, "", 0
        if expected in checkpoints.hashes:
            unclaimed.add(expected)
        if event["action"] == "audit.checkpoint_signed" and expected <= head["seq"]:
            claimed = claim_of(event["data"], checkpoints.file)
            if claimed is not None and not 0 < claimed < first:
                if claimed not in unclaimed:
                    checkpoints.doubt = checkpoints.doubt or ("checkpoints_damaged", claimed or expected)
                unclaimed = {seq for seq in unclaimed if seq > claimed}
        if expected == head["seq"]:
            head_hash = event["hash"]
        before, expected, link = event, expected + 1, event["hash"]
        if not place % 1000:
            progress(read / size)
    if before is not None and (finding := contradicted(checkpoints, before)):
        return finding, "", 0
    return ended(checkpoints, head, head_hash, expected), digest.hexdigest(), expected - 1


def claim_of(data: str, file: str | None) -> int | None:
    """Which checkpoint an event says was signed: None for one of another file, 0 for nothing that can be."""
    try:
        claim = json.loads(data)
        named, last = claim["file"], claim["last"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None if file is None else 0
    if file is None or named != file:
        return None
    return last if type(last) is int and last > 0 else 0


def contradicted(checkpoints: Checkpoints, event: Event) -> Finding | None:
    """Whether a checkpoint says that the event had another hash."""
    signed = checkpoints.hashes.get(event["seq"])
    return ("rewritten", event["seq"]) if signed not in (None, event["hash"]) else None


def ended(checkpoints: Checkpoints, head: dict[str, Any], head_hash: str, expected: int) -> Finding:
    """The verdict when the last line was reached and every event was good."""
    if max(checkpoints.hashes, default=0) >= expected or head["seq"] >= expected:
        return "tail_cut", expected
    if head["seq"] >= checkpoints.first and head_hash != head["hash"]:
        return "head_differs", head["seq"]
    if checkpoints.doubt:
        return checkpoints.doubt
    if not checkpoints.hashes and expected > checkpoints.first:
        return "unsigned", None
    return "unchanged", None


class Break(NamedTuple):
    """Where the chain broke: the last good event's place in it, and what is known around."""

    place: int  # of the line
    expected: int
    link: str
    first: int
    head: dict[str, Any]
    vouched: bool  # by a checkpoint, for the event before


def explain(archive: Archive, event: Event | None, at: Break) -> Finding:
    """Why this line is not the event that should follow."""
    expected = at.expected
    if event is None:
        return "changed", expected
    seq = event["seq"]
    if seq < expected:
        return "inserted", seq
    # One more reading: who else claims to follow the last good event, and who follows this one.
    genuine, last, behind = False, expected, None
    for place, other in enumerate(archive.events()):
        if other is None or (place == at.place and seq == expected):
            continue
        last = max(last, other["seq"])
        behind = other["previous_hash"] if other["seq"] == expected + 1 else behind
        genuine = genuine or (other["previous_hash"] == at.link and made_as(other, [expected]) == expected)
    if seq > expected:
        return ("reordered" if genuine else "missing"), expected
    own = made_as(event, range(at.first, max(last, seq) + 2))
    head = at.head
    if genuine:
        return ("inserted" if own in (None, expected) else "reordered"), expected
    if own is None:
        added = (head["seq"], head["hash"]) == (expected - 1, at.link)
        return ("inserted" if added else "changed"), expected
    if own > expected:
        return "missing", expected
    if own < expected:
        links = [other["hash"] for other in archive.events() if other and other["seq"] == own - 1]
        return ("inserted", own) if event["previous_hash"] in (links or [GENESIS]) else ("changed", expected)
    known = behind or (head["hash"] if head["seq"] == expected else "")
    before_is_wrong = known in ("", event["hash"]) and expected > at.first and not at.vouched
    return "changed", expected - 1 if before_is_wrong else expected


def reach(report: Report) -> str:
    """How far the signatures go, for comparing with what was kept elsewhere."""
    signed, first, last = report.signed, report.first, report.last
    words = [f"Events {first} to {last}."] if last >= first else []
    if signed is None:
        return " ".join([*words, "No signature covers them." if words else "No signature covers anything."])
    words.append(f"The last signature covers event {signed['seq']} and was made at {moment(signed['time'])}.")
    if (behind := last - signed["seq"]) >= 0:
        words.append(f"{behind} {'event after it is' if behind == 1 else 'events after it are'} unsigned.")
    return " ".join(words)


def moment(microseconds: int) -> str:
    """The time in UTC of microseconds since 1970."""
    try:
        time = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            microseconds=microseconds
        )
    except OverflowError:
        return "no time that a calendar has"
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def main() -> int:
    """Check what the command line names; the exit code."""
    parser = argparse.ArgumentParser(description="Checks a proof of the Consumer Portal's audit log.")
    parser.add_argument("proof", nargs="?", default=".", help="the archive, or the folder with its files")
    parser.add_argument("--key", help="the id of the key that must have made the last signature")
    arguments = parser.parse_args()

    def draw(part: float) -> None:
        filled = int(40 * part)
        print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {part:4.0%}", end="", file=sys.stderr, flush=True)

    bar = sys.stderr.isatty()
    try:
        archive = Archive(arguments.proof)
        report = examine(archive, arguments.key, draw if bar else lambda part: None)
    except (UnreadableError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        print(f"The proof cannot be read: {error}", file=sys.stderr)
        return 3
    if bar:
        print("\r" + " " * 50 + "\r", end="", file=sys.stderr)
    (verdict, seq), signed = report.finding, report.signed
    print(f"{verdict}: {WORDS[verdict].format(seq)}")
    print(reach(report))
    if signed is None:
        print("No key of the proof has made a signature.")
    elif arguments.key is None:
        print(
            f"The last signature is by the key {signed['key']}: compare it with the id that you were given."
        )
    else:
        print(f"The last signature is by the key {signed['key']}; the one that you named is {arguments.key}.")
    return {"unchanged": 0, "unsigned": 1}.get(verdict, 2)


if __name__ == "__main__":
    sys.exit(main())
