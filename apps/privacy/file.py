"""An access report as a ZIP archive, with its events as they are stored and the programs that verify them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from django.conf import settings

from apps.audit.integrity import stored_rows
from apps.audit.integrity.proof.bundle import VERIFIER as LOG_VERIFIER
from apps.audit.integrity.proof.bundle import event_line
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import actor_label
from apps.consumers.recording import BATCH, SEARCH
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.export.csv_cells import BYTE_ORDER_MARK, csv_line, protect
from apps.core.export.zip_stream import ZipStream
from apps.core.parts import in_parts
from apps.core.references import RecordKind
from apps.privacy import presenters
from apps.privacy.report import Counts, Report, beginning, counts_of
from apps.privacy.verdicts import AccessVerdict, ReportLine

VERIFIER: Final = Path(__file__).with_name("verify_access_report.py")
COLUMNS: Final = (
    "event",
    "time_utc",
    "verdict",
    "who",
    "roles",
    "action",
    "why",
    "from",
    "session",
    "export",
)
_ROWS_AT_ONCE: Final = 1_000
_MEANING: Final = {
    AccessVerdict.SHOWED: "the event shows that the person's data were shown",
    AccessVerdict.POSSIBLE: "the person's data may have been shown; the column why has the reason",
    AccessVerdict.SEARCHED: (
        "somebody searched for the value; the event alone does not say that anything was found"
    ),
}


@dataclass(frozen=True)
class AccessFile:
    """The contents of the archive. ``sequences``: the events, ascending; ``rows``: their lines in CSV."""

    report: Report
    by: str
    made_by: Actor
    head: tuple[int, str] | None
    sequences: list[int]
    rows: list[str]
    counts: Counts

    @classmethod
    def of(cls, report: Report, *, by: str, made_by: Actor) -> Self:
        """Read all lines of a report. ``by``: what it was asked by, without the value."""
        head = stored_rows.read_head()
        sequences, rows, verdicts = [], [], []
        for line in report.lines():
            sequences.append(line.event.seq)
            rows.append(_row(line))
            verdicts.append(line.verdict)
        return cls(report, by, made_by, head, sequences, rows, counts_of(verdicts))

    def parts(self) -> Generator[bytes, None, None]:
        """Yield the archive. No database connection is held while a part is sent."""
        release_database_connections()
        made: list[bytes] = []
        archive = ZipStream(made.append, modified=clock.now(), zip64=True)
        contents: dict[str, Iterator[bytes]] = {
            "report.json": iter([self._about()]),
            "report.csv": self._table(),
            "events.jsonl": self._events(),
            VERIFIER.name: iter([VERIFIER.read_bytes()]),
            LOG_VERIFIER.name: iter([LOG_VERIFIER.read_bytes()]),
        }
        digests: dict[str, str] = {}
        for name, parts in contents.items():
            digest = hashlib.sha256()
            archive.begin(name)
            for part in parts:
                digest.update(part)
                archive.write(part)
                yield b"".join(made)
                made.clear()
            archive.end()
            digests[name] = digest.hexdigest()
        archive.add("manifest.json", _json({"files": digests}))
        archive.close()
        yield b"".join(made)

    def _about(self) -> bytes:
        subject, span = self.report.subject, self.report.span
        begins = beginning()
        head = {"seq": self.head[0], "hash": self.head[1]} if self.head else None
        submissions = [
            {"submission": str(one.public_id), "row": one.pk, "order_ref": one.order_ref}
            for one in subject.submissions.values()
        ]
        return _json(
            {
                "made_at": clock.now().isoformat(timespec="seconds"),
                "made_by": self.made_by.name,
                "portal_version": settings.VERSION,
                "asked_by": self.by,
                # Earlier events were removed after their retention period.
                "log_begins": {"seq": begins.seq, "at": _time(begins)} if begins else None,
                # The span of the log that was searched, up to the head at the time.
                "first_event": span.first,
                "last_event": min(span.last, self.head[0] if self.head else 0),
                "head": head,
                "verdicts": {one.value: meaning for one, meaning in _MEANING.items()},
                "counts": {
                    AccessVerdict.SHOWED.value: self.counts.showed,
                    AccessVerdict.POSSIBLE.value: self.counts.possible,
                    AccessVerdict.SEARCHED.value: self.counts.searched,
                },
                # How events name the person: no value is among them.
                "submissions": submissions,
                f"{RecordKind.CONSUMER}s": sorted(subject.consumers.values()),
                f"{RecordKind.GUEST}s": sorted(subject.guests.values()),
                f"{SEARCH}es": sorted(subject.searches),
                f"{BATCH}es": sorted([*subject.batches, *subject.later_batches]),
            }
        )

    def _table(self) -> Iterator[bytes]:
        yield (BYTE_ORDER_MARK + csv_line(COLUMNS)).encode()
        for rows in in_parts(self.rows, _ROWS_AT_ONCE):
            yield "".join(rows).encode("utf-8", "backslashreplace")

    def _events(self) -> Iterator[bytes]:
        for rows in stored_rows.rows_at(self.sequences):
            release_database_connections()
            yield b"".join(map(event_line, rows))


def _row(line: ReportLine) -> str:
    event = line.event
    export = event.details.get("export")
    cells = [
        str(event.seq),
        _time(event),
        line.verdict.value,
        actor_label(event),
        event.actor_roles,
        event.action,
        "; ".join(presenters.reasons(line)),
        event.client_address or "",
        event.session or "",
        export if isinstance(export, str) else "",
    ]
    return csv_line(map(protect, cells))


def _time(event: AuditEvent) -> str:
    return f"{event.at:%Y-%m-%dT%H:%M:%S.%f}Z" if event.at else ""


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
