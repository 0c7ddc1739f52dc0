#!/usr/bin/env python3
"""Verify a proof of the Consumer Portal's audit log. Requires only Python 3.11 or newer.

    python3 verify_audit_log.py PROOF.zip [--key KEY]

PROOF is the downloaded archive, or the folder into which it was unpacked. The program trusts only the public
keys in it. With --key, give the public key (base64) that you received through another channel: the last
signature must be made with that key. Its id is accepted, too, but has only 64 bits. Without --key, compare
the id that the program prints. Only this comparison reveals a log that was replaced as a whole together with
its key. The program also prints the last signed event and the time of the last signature. Compare both with a
copy of the checkpoints stored elsewhere: after removing the latest checkpoints, someone could write any
events after the remaining ones.

Files in the archive:

events.jsonl       One event per line, a JSON object with sorted keys and no blanks, in UTF-8. Its "hash" is
                   the SHA-256, in hex, of: the 32 bytes of "previous_hash", then the line's JSON without the
                   keys "hash" and "previous_hash". The first "previous_hash" is 64 zeros; "seq" rises by one.
checkpoints.jsonl  One checkpoint per line. Its "signature" is the Ed25519 signature (RFC 8032) over the
                   line's JSON without the key "signature". "seq" and "hash" belong to the last event that it
                   covers, "previous" is the previous checkpoint's signature, "previous_line" the SHA-256 of
                   its line, "first" the first event of the log and "anchor" the hash before it. If each line
                   contains the hash of the line before it, the last signature covers all of them.
public_keys.txt    The keys that may sign: 32 bytes in base64 each, one per line.
manifest.json      Written by the portal with the archive: the head of the log, SHA-256 of the files.

Exit code: 0 unchanged, 1 the chain is intact but no signature covers it, 2 altered, 3 unreadable.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import itertools
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
    "session",
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
SENTENCES = {
    "unchanged": "The audit log is unchanged.",
    "changed": "Event {} was changed.",
    "inserted": "Event {} was inserted.",
    "missing": "Event {} is missing.",
    "reordered": "Events were reordered, from event {} on.",
    "tail_cut": "The end of the log is missing.",
    "rewritten": "The log was rewritten before the checkpoint at event {}.",
    "key_unknown": "The checkpoint at event {} was signed with another key.",
    "checkpoints_damaged": "The checkpoint at event {} is missing, changed or out of place.",
    "head_differs": "The log does not agree with its head, from event {} on.",
    "bundle_damaged": "The files are not the ones that the manifest lists.",
    "unsigned": "The chain of events is intact, but no checkpoint covers it.",
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
    """The point encoded in 32 bytes (section 5.1.3); None if they are not a valid point."""
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


def is_valid_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes are a valid signature of the message under the 32-byte key (section 5.1.7)."""
    key, r = decode_point(public), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or len(signature) != 64 or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    h = int.from_bytes(digest, "little") % ORDER
    minus_key = (P - key[0], key[1], 1, P - key[3])
    # s * BASE - h * key in one pass, bit by bit from the highest.
    table = (NEUTRAL, BASE, minus_key, add_points(BASE, minus_key))
    result = NEUTRAL
    for bit in range(max(s.bit_length(), h.bit_length()) - 1, -1, -1):
        result = add_points(result, result)
        result = add_points(result, table[(s >> bit & 1) | (h >> bit & 1) << 1])
    x, y, z, _ = result
    return (x - r[0] * z) % P == 0 and (y - r[1] * z) % P == 0


# --- The archive ------------------------------------------------------------------------------------
class UnreadableError(Exception):
    """A file is missing in the archive, or it is not a proof."""


class Archive:
    """The files of a proof, in a ZIP file or a folder."""

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
        """The events in the order of the lines; None for a line that is not canonical JSON."""
        with self.open("events.jsonl") as file:
            for line in file:
                note(line)
                yield parse_event(line)


def write_json(value: object) -> bytes:
    """Canonical JSON, which is hashed and signed: sorted keys, no blanks, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_line(line: bytes, keys: set[str]) -> dict[str, Any] | None:
    """The object of a line if it is canonical JSON with exactly these keys, otherwise None."""
    try:
        value = json.loads(line)
        same = (
            isinstance(value, dict) and set(value) == keys and write_json(value) == line.removesuffix(b"\n")
        )
    except (ValueError, RecursionError):
        return None
    return value if same and type(value["seq"]) is int else None


def parse_event(line: bytes) -> Event | None:
    """The event of a line, with its computed hash as "made"; None if the line is malformed."""
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


def has_valid_hash(event: Event) -> bool:
    """Whether an event's hash matches its content."""
    return bool(event["made"] == event["hash"])


def sequence_of_hash(event: Event, sequences: Iterable[int]) -> int | None:
    """The sequence number with which an event's hash was computed; None if none of these matches."""
    link = bytes.fromhex(event["previous_hash"])
    hashed = {key: event[key] for key in event if key not in ("hash", "previous_hash", "made")}
    before, _, after = write_json(hashed).partition(b',"seq":%d,' % event["seq"])
    start = hashlib.sha256(link + before)
    own: int = event["seq"]
    for seq in itertools.chain((own,), sequences):
        attempt = start.copy()
        attempt.update(b',"seq":%d,%b' % (seq, after))
        if attempt.hexdigest() == event["hash"]:
            return seq
    return None


# --- Checkpoints ------------------------------------------------------------------------------------
def keys_by_id(archive: Archive) -> dict[str, bytes]:
    """The archive's public keys, 32 bytes each, by id."""
    keys = [base64.b64decode(line) for line in archive.read("public_keys.txt").split()]
    return {hashlib.sha256(key).hexdigest()[:16]: key for key in keys}


class Checkpoints:
    """The valid checkpoints by sequence number, and the first problem of the others in ``problem``."""

    def __init__(self, archive: Archive) -> None:
        self.keys = keys_by_id(archive)
        self.hashes: dict[int, str] = {}
        self.first, self.anchor = 1, GENESIS
        self.problem: Finding | None = None
        self.file: str | None = None
        self.last: dict[str, Any] | None = None  # the last valid one: its signature covers the others
        covered = self._is_covered_by_last_signature(archive)
        before: dict[str, Any] | None = None
        for checkpoint in self._lines(archive):
            self.file = self.file or checkpoint["signature"][:16]
            seq = checkpoint["seq"]
            if checkpoint["key"] not in self.keys:
                self.problem = self.problem or ("key_unknown", seq)
                continue
            if not covered and not self._is_signed(checkpoint):
                self.problem = self.problem or ("checkpoints_damaged", seq)
                continue
            rises = before is None or seq > before["seq"]
            if not self._is_successor(checkpoint, before):
                self.problem = self.problem or ("checkpoints_damaged", seq)
            if rises:
                self.last = before = checkpoint
                self.hashes[seq] = checkpoint["hash"]
                self.first, self.anchor = checkpoint["first"], checkpoint["anchor"]

    @staticmethod
    def _lines(archive: Archive) -> Iterator[dict[str, Any]]:
        """The readable checkpoints. Truncated or foreign lines are skipped; the links reveal missing ones."""
        with archive.open("checkpoints.jsonl") as file:
            for line in file:
                checkpoint = parse_line(line, CHECKPOINT_KEYS)
                texts = ("anchor", "hash", "key", "previous", "previous_line", "signature")
                if checkpoint is None or not all(isinstance(checkpoint[key], str) for key in texts):
                    continue
                if type(checkpoint["first"]) is int and type(checkpoint["time"]) is int:
                    yield checkpoint

    @staticmethod
    def _is_successor(checkpoint: dict[str, Any], before: dict[str, Any] | None) -> bool:
        """Whether the checkpoint was created directly after ``before`` (None: as the first)."""
        links = (checkpoint["previous"], checkpoint["previous_line"])
        if before is None:
            return links == ("", "")
        line = hashlib.sha256(write_json(before)).hexdigest()
        return checkpoint["seq"] > before["seq"] and links == (before["signature"], line)

    def _is_covered_by_last_signature(self, archive: Archive) -> bool:
        """Whether each line contains the hash of the line before it and the last signature is valid.

        Then no line was changed without the key, and no other signature need be verified. That saves much
        time: one verification takes milliseconds here, and a year has half a million checkpoints.
        """
        before: dict[str, Any] | None = None
        for checkpoint in self._lines(archive):
            if checkpoint["key"] not in self.keys or not self._is_successor(checkpoint, before):
                return False
            before = checkpoint
        return before is not None and self._is_signed(before)

    def _is_signed(self, checkpoint: dict[str, Any]) -> bool:
        signed = {key: checkpoint[key] for key in checkpoint if key != "signature"}
        try:
            signature = bytes.fromhex(checkpoint["signature"])
        except (TypeError, ValueError):
            return False
        return is_valid_signature(self.keys[checkpoint["key"]], write_json(signed), signature)


# --- The check --------------------------------------------------------------------------------------
class Report(NamedTuple):
    """The finding, the last valid checkpoint, and the first and last event (0: the end was not reached).

    ``acknowledged``: what the log itself says about events that the portal did not write. ``held``: the last
    checkpoint that still has its event (0: none, or the end was not reached).
    """

    finding: Finding
    signed: dict[str, Any] | None
    first: int
    last: int
    acknowledged: tuple[str, ...] = ()
    held: int = 0


def check(archive: Archive) -> Finding:
    """The verdict as a code, and the sequence number that it refers to (None: the whole log)."""
    return examine(archive).finding


def is_named(archive: Archive, key_id: str, name: str) -> bool:
    """Whether ``name`` is the archive's key with this id: the whole public key in base64, or the id."""
    key = keys_by_id(archive).get(key_id)
    return name == key_id or (key is not None and name == base64.b64encode(key).decode())


def examine(
    archive: Archive, key: str | None = None, progress: Callable[[float], object] = lambda part: None
) -> Report:
    """Verify the whole proof.

    With ``key``, a public key in base64 or the id of one, the last signature must be made with that key.
    """
    report = verify(archive, progress)
    signed = report.signed
    if key is not None and signed is not None and not is_named(archive, signed["key"], key):
        # The finding is based on an unexpected key, which anyone could have created.
        return report._replace(finding=("key_unknown", signed["seq"]))
    if key is not None and signed is None and report.finding[0] in GOOD:
        return report._replace(finding=("unsigned", None))
    return report


def verify(archive: Archive, progress: Callable[[float], object]) -> Report:
    """Compare events, checkpoints and manifest. Raises :class:`UnreadableError`."""
    try:
        manifest = json.loads(archive.read("manifest.json"))
        head, digests = manifest["head"] or {"seq": -1, "hash": ""}, manifest["files"]
        checkpoints = Checkpoints(archive)
        end = manifest["head_afterwards"]
        acknowledged: list[str] = []
        finding, digest, last = follow(archive, checkpoints, head, acknowledged, progress)
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
    held = max((seq for seq in checkpoints.hashes if seq <= last), default=0)
    return Report(finding, checkpoints.last, checkpoints.first, last, tuple(acknowledged), held)


def follow(
    archive: Archive,
    checkpoints: Checkpoints,
    head: dict[str, Any],
    acknowledged: list[str],
    progress: Callable[[float], object],
) -> tuple[Finding, str, int]:
    """Read every event once; return the first problem, the file's SHA-256, and the last sequence number.

    Adds to ``acknowledged`` what events say about others that the portal did not write.
    """
    digest, read, size = hashlib.sha256(), 0, archive.size("events.jsonl") or 1

    def note(line: bytes) -> None:
        nonlocal read
        digest.update(line)
        read += len(line)

    first = checkpoints.first
    expected, link = first, checkpoints.anchor
    before: Event | None = None  # the previous event, to which the current one links
    claims: list[tuple[int, int]] = []  # event, and the checkpoint that it claims as signed
    covered = checkpoints.last["seq"] if checkpoints.last else 0
    not_by_portal: list[range] = []
    head_hash = ""
    for line_index, event in enumerate(archive.events(note)):
        wanted = (expected, link, 1)
        if (
            event is None
            or (event["seq"], event["previous_hash"], event["format"]) != wanted
            or not has_valid_hash(event)
        ):
            previous_is_signed = checkpoints.hashes.get(expected - 1) == link
            position = Break(line_index, expected, link, first, head, previous_is_signed)
            return diagnose(archive, event, position), "", 0
        if before is not None and (finding := contradicting_checkpoint(checkpoints, before)):
            return finding, "", 0
        if event["action"] == "audit.checkpoint_signed" and expected <= head["seq"]:
            claimed = claim_of(event["data"], checkpoints.file)
            if claimed is not None and not 0 < claimed < first:
                claims.append((expected, claimed))
        if event["action"] == "audit.acknowledged":
            acknowledged.append(acknowledged_by(event))
            if expected <= covered:  # the portal has verified this event before it signed
                not_by_portal += spans_before(event)
        if expected == head["seq"]:
            head_hash = event["hash"]
        before, expected, link = event, expected + 1, event["hash"]
        if not line_index % 1000:
            progress(read / size)
    if before is not None and (finding := contradicting_checkpoint(checkpoints, before)):
        return finding, "", 0
    checkpoints.problem = checkpoints.problem or wrong_claim(checkpoints, claims, not_by_portal)
    finding = verdict_at_end(checkpoints, head, head_hash, expected, link)
    return finding, digest.hexdigest(), expected - 1


def acknowledged_by(event: Event) -> str:
    """What an event says about earlier events that were written past the portal, as a sentence."""
    try:
        named = ", ".join(map(str, json.loads(event["data"])["events"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        named = "that cannot be read"
    return f"Event {event['seq']} records that the portal did not write these events: {ascii(named)[1:-1]}."


def claim_of(data: str, file: str | None) -> int | None:
    """The checkpoint that an event claims as signed. None for another file, 0 if the data is invalid."""
    try:
        claim = json.loads(data)
        named, last = claim["file"], claim["last"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None if file is None else 0
    if file is None or named != file:
        return None
    return last if type(last) is int and last > 0 else 0


def spans_before(event: Event) -> list[range]:
    """The earlier events that an acknowledgement names; none if it cannot be read."""
    try:
        spans = [[int(number) for number in text.split("-")] for text in json.loads(event["data"])["events"]]
        return [range(span[0], min(span[-1] + 1, event["seq"])) for span in spans]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def wrong_claim(
    checkpoints: Checkpoints, claims: list[tuple[int, int]], not_by_portal: list[range]
) -> Finding | None:
    """The finding for the first event whose checkpoint is not in the file, or was claimed before.

    Acknowledged events that the portal did not write are ignored.
    """
    latest = 0
    for seq, claimed in claims:
        if any(seq in span for span in not_by_portal):
            continue
        if claimed not in checkpoints.hashes or not latest < claimed <= seq:
            return "checkpoints_damaged", claimed or seq
        latest = claimed
    return None


def contradicting_checkpoint(checkpoints: Checkpoints, event: Event) -> Finding | None:
    """The finding if a checkpoint has a different hash for the event."""
    signed = checkpoints.hashes.get(event["seq"])
    return ("rewritten", event["seq"]) if signed not in (None, event["hash"]) else None


def verdict_at_end(
    checkpoints: Checkpoints, head: dict[str, Any], head_hash: str, expected: int, link: str
) -> Finding:
    """The verdict after the last line, if every event was intact. ``link``: the hash of the last event."""
    if max(checkpoints.hashes, default=0) >= expected:
        return "tail_cut", expected
    if head["seq"] >= expected:  # with the hash of the last event, only the number was set forward
        return ("head_differs" if head["hash"] == link else "tail_cut"), expected
    if head["seq"] >= checkpoints.first and head_hash != head["hash"]:
        return "head_differs", head["seq"]
    if checkpoints.problem:
        return checkpoints.problem
    if not checkpoints.hashes and expected > checkpoints.first:
        return "unsigned", None
    return "unchanged", None


class Break(NamedTuple):
    """The position at which the chain breaks, and its context."""

    line_index: int  # index of the line
    expected: int
    link: str
    first: int
    head: dict[str, Any]
    previous_is_signed: bool  # whether a checkpoint covers the event before


def diagnose(archive: Archive, event: Event | None, at: Break) -> Finding:
    """Why this line is not the expected next event."""
    expected = at.expected
    if event is None:
        return "changed", expected
    seq = event["seq"]
    if seq < expected:
        return "inserted", seq
    # Read the file again for other events that link to the last intact event, and for the next event.
    genuine, last, behind, lines = False, expected, None, 0
    for line_index, other in enumerate(archive.events()):
        lines += 1
        if other is None or (line_index == at.line_index and seq == expected):
            continue
        last = max(last, other["seq"])
        behind = other["previous_hash"] if other["seq"] == expected + 1 else behind
        genuine = genuine or (
            other["previous_hash"] == at.link and sequence_of_hash(other, [expected]) == expected
        )
    if seq > expected:
        return ("reordered" if genuine else "missing"), expected
    # A single event can have any number, which must not decide how many are tried.
    own = sequence_of_hash(event, range(at.first, min(last + 2, expected + lines + 2)))
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
    before_is_wrong = known in ("", event["hash"]) and expected > at.first and not at.previous_is_signed
    return "changed", expected - 1 if before_is_wrong else expected


def verdict_sentence(report: Report) -> str:
    """The verdict as a sentence; for a cut log also its last checkpoint and its last event."""
    verdict, seq = report.finding
    text = SENTENCES[verdict].format(seq)
    if verdict == "tail_cut" and report.held:
        text += f" The last checkpoint that still has its event is at event {report.held};"
        text += " some or all events after it are missing."
    if verdict == "tail_cut" and report.last >= report.first:
        text += f" The log ended at event {report.last} when the proof was made."
    return text


def signed_range(report: Report) -> str:
    """The range of events and the last signed event, for comparison with a copy stored elsewhere."""
    signed, first, last = report.signed, report.first, report.last
    words = [f"Events {first} to {last}."] if last >= first else []
    if signed is None:
        return " ".join([*words, "No signature covers them." if words else "No signature covers anything."])
    words.append(f"The last signature covers event {signed['seq']} and was made at {moment(signed['time'])}.")
    if (behind := last - signed["seq"]) >= 0:
        words.append(f"{behind} {'event after it is' if behind == 1 else 'events after it are'} unsigned.")
    return " ".join(words)


def moment(microseconds: int) -> str:
    """Microseconds since 1970 as a time in UTC."""
    try:
        time = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
            microseconds=microseconds
        )
    except OverflowError:
        return "no time that a calendar has"
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def main() -> int:
    """Verify the proof named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify a proof of the Consumer Portal's audit log.")
    parser.add_argument("proof", nargs="?", default=".", help="the archive, or the folder with its files")
    parser.add_argument("--key", help="the public key that must have made the last signature, or its id")
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
    verdict, signed = report.finding[0], report.signed
    print(f"{verdict}: {verdict_sentence(report)}")
    print(signed_range(report))
    for sentence in report.acknowledged:
        print(sentence)
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
