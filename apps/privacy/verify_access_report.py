#!/usr/bin/env python3
"""Verify an access report of the Consumer Portal. Requires only Python 3.11 or newer.

    python3 verify_access_report.py REPORT.zip [--proof PROOF.zip] [--key KEY]

REPORT is the downloaded archive, or the folder into which it was unpacked. verify_audit_log.py, which is in
it, must be in the same folder as this program.

Without --proof the program checks that the table (report.csv) lists exactly the events of events.jsonl and
that each event has the hash of its content. Whoever made the report could have made such events, too.

With --proof, the archive "Download proof" of the portal's page Integrity, made after the report, it also
checks that the proof is unchanged (as verify_audit_log.py does, with --key for the public key that you
received through another channel), that each event of the report is in the log exactly so, and that no event
of the log is left out which shows or names the person: opened submissions, lists with their row numbers,
records of Sitecore CDP, searches, and lists of people that one of the submissions was made for, that replace
such a list, or that have a row which is similar to the person. Whether an
export contained a person depends on its filters, which it does not read; exports that are not in the report
are counted. Nor does it look for figures left out.

Exit code: 0 verified, 1 no signature covers the log, 2 different, 3 unreadable.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

Event = dict[str, Any]
log: Any = None  # verify_audit_log.py, which is beside this program


class Different(Exception):
    """The report is not what it says. The text says where."""


def key(reference: str) -> str:
    """A reference without its case and dashes, which do not distinguish references."""
    return reference.lower().replace("-", "")


class Person:
    """How events name the person of the report."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.submissions = {one["submission"] for one in about["submissions"]}
        self.rows = {one["row"] for one in about["submissions"]}
        self.consumers = {*map(key, about["consumers"])}
        self.guests = {*map(key, about["guests"])}
        self.searches = {*map(key, about["searches"])}
        self.batches = {*map(key, about["batches"])}

    def is_shown_by(self, event: Event) -> bool:
        """Whether an event shows the person or searches for them, as far as its fields say it."""
        action, data = event["action"], json.loads(event["data"])
        if action in ("submission.viewed", "consumer.compared") and event["submission"]:
            return event["submission"] in self.submissions
        if action == "submissions.listed":
            return any(first <= row <= last for first, last in runs(data) for row in self.rows)
        if action in ("vendor_record.viewed", "vendor_records.searched", "consumer.compared"):
            consumers = [event["consumer_ref"], *data.get("consumers", [])]
            guests = [event["guest_ref"], *data.get("guests", [])]
            named = any(one and key(one) in self.consumers for one in consumers)
            named = named or any(one and key(one) in self.guests for one in guests)
            is_found = action == "consumer.compared" or data.get("result") in ("found", "copied")
            return (named and is_found) or self._is_search(data)
        if action in ("batch.viewed", "batch.downloaded"):
            named = any(one in self.submissions for one in data.get("submissions", []))
            named = named or any(key(one) in self.consumers for one in data.get("consumers", []))
            return named or key(data.get("batch") or "") in self.batches
        return action in ("submissions.searched", "access_report.searched") and self._is_search(data)

    def _is_search(self, data: dict[str, Any]) -> bool:
        return key(data.get("search") or "") in self.searches


def runs(data: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The first and last row number of each run that a list has shown."""
    for text in data.get("rows", []):
        first, _, last = text.partition("-")
        yield int(first), int(last or first)


def check_files(report: Any) -> None:
    """Compare the files with the manifest."""
    for name, digest in json.loads(report.read("manifest.json"))["files"].items():
        if hashlib.sha256(report.read(name)).hexdigest() != digest:
            raise Different(f"The file {name} is not the one that the manifest lists.")


def check_events(report: Any) -> dict[int, Event]:
    """The events of the report by number; each has the hash of its content, and a line in the table."""
    events: dict[int, Event] = {}
    for event in report.events():
        if event is None or not log.has_valid_hash(event):
            raise Different(
                f"The event after {max(events, default=0)} does not have the hash of its content."
            )
        events[event["seq"]] = event
    table = csv.DictReader(io.StringIO(report.read("report.csv").decode("utf-8-sig")))
    listed = [(int(row["event"]), row["action"], row["session"], row["from"]) for row in table]
    made = [
        (seq, one["action"], one["session"] or "", one["client_address"] or "")
        for seq, one in sorted(events.items())
    ]
    if sorted(listed) != made:
        raise Different("The table does not list exactly the events.")
    return events


def check_against_log(about: dict[str, Any], events: dict[int, Event], proof: Any) -> tuple[int, int]:
    """The number of the log's events in the span, and of its exports that the report does not have."""
    person, missing, exports, seen = Person(about), {*events}, 0, 0
    for event in proof.events():
        if event is None:
            raise Different("The proof has an event that cannot be read.")
        own = events.get(event["seq"])
        if own is not None:
            if own != event:
                raise Different(f"Event {event['seq']} is another one in the log.")
            missing.discard(event["seq"])
        if not about["first_event"] <= event["seq"] <= about["last_event"]:
            continue
        seen += 1
        if own is None and event["action"] == "export.started":
            exports += 1
        elif own is None and person.is_shown_by(event):
            raise Different(f"Event {event['seq']} shows or names the person and is not in the report.")
    if missing:
        raise Different(f"Event {min(missing)} is not in the log.")
    return seen, exports


def main() -> int:
    """Verify the report named on the command line; returns the exit code."""
    global log  # noqa: PLW0603  # imported when the folder of this program is known
    parser = argparse.ArgumentParser(description="Verify an access report of the Consumer Portal.")
    parser.add_argument("report", nargs="?", default=".", help="the archive, or the folder with its files")
    parser.add_argument("--proof", help="a proof of the audit log that was made after the report")
    parser.add_argument("--key", help="the public key that must have made the proof's last signature")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    log = import_module("verify_audit_log")
    try:
        report = log.Archive(arguments.report)
        about = json.loads(report.read("report.json"))
        check_files(report)
        events = check_events(report)
        print(f"The report has {len(events)} events. Each has the hash of its content.")
        if arguments.proof is None:
            print("They were not compared with the log: give its proof with --proof.")
            return 0
        proof = log.Archive(arguments.proof)
        found = log.examine(proof, arguments.key, lambda part: None)
        verdict = found.finding[0]
        print(f"{verdict}: {log.verdict_sentence(found)}")
        if verdict not in log.GOOD:
            return 2
        seen, exports = check_against_log(about, events, proof)
        print(f"Of {seen} events of the log in the report's span, none that names the person is left out.")
        print(f"{exports} exports are not in the report. This program cannot say whether they should be.")
        return 0 if verdict == "unchanged" else 1
    except Different as error:
        print(f"different: {error}")
        return 2
    except (log.UnreadableError, OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        print(f"The report cannot be read: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
