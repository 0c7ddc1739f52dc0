"""The life of an export from the choice to the end, each step with its audit event.

The end is stored by the thread that sends the file, by the person's cancellation, or by the worker when the
heartbeat stops. Each of them changes only a row that is still active, so an export ends once.
"""

from __future__ import annotations

import datetime
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Count, Max, Min, Q, QuerySet

from apps.audit.events import Event, nearest_number
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.audit.selectors import last_event
from apps.consumers import recording
from apps.consumers.models import UNBOUNDED, Submission
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import is_database_unavailable
from apps.history.audit_events import EXPORT_CANCELLED, EXPORT_FAILED, EXPORT_FINISHED, EXPORT_STARTED
from apps.history.exports import selections
from apps.history.exports.shown_ranges import EXPORT_KEY, OUT_OF_ORDER
from apps.history.models import ACTIVE, Export, State
from apps.history.selection import Selection

logger = logging.getLogger(__name__)

# Without a heartbeat for this long, the process is lost. Exceeds its wait for SQLite's lock or the pool.
LOST_AFTER = datetime.timedelta(seconds=60)


class FailureCode(StrEnum):
    """Why an export failed. Stored with it, and in the audit log."""

    READER_GONE = "reader_gone"
    READER_STALLED = "reader_stalled"
    DISK_FULL = "disk_full"
    DISK_FAILED = "disk_failed"
    DATABASE_LOST = "database_lost"
    DATABASE_BUSY = "database_busy"
    DATABASE_FAILED = "database_failed"
    PORTAL_STOPPED = "portal_stopped"
    PROCESS_LOST = "process_lost"
    SEARCH_GONE = "search_gone"
    SEARCH_UNREADABLE = "search_unreadable"
    ACCESS_ENDED = "access_ended"
    FAULT = "fault"


class NotStarted(Exception):
    """The export was not started; no row was sent."""


class AllSlotsTaken(NotStarted):
    """``EXPORTS_AT_ONCE`` exports are running."""


class NotReady(NotStarted):
    """The export was started before. An export makes one file."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A person's choice of columns and format."""

    format: str
    columns: tuple[str, ...]
    time_zone: str
    separator: str
    byte_order_mark: bool
    personal: bool = False
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Selected:
    """What is selected before the start: the number of rows, the lowest and the highest row number.

    ``head``: the last event of the log before the selection was read; the selection reflects every event up
    to it. ``newest``: the highest row number of all submissions. ``lowest_possible``: a lower bound for the
    row numbers of the file, from the filters whose result never changes.
    """

    head: int
    rows: int
    first: int
    last: int
    newest: int
    lowest_possible: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows and bytes an export has written and sent."""

    rows: int = 0
    unreadable: int = 0  # rows whose personal data cannot be read
    bytes: int = 0
    bytes_sent: int = 0


def prepare(
    selection: Selection,
    choice: Choice,
    *,
    query: str,
    filters: Sequence[tuple[str, str]] = (),
    rows: int,
    person: Actor,
) -> Export:
    """Store what is to be exported. Nothing is sent before :func:`start`.

    ``query``: the query string of the list, for the link back to it. ``filters``: label and text of each,
    without values of a consumer. ``rows``: their number now.
    """
    export = Export(
        person_id=person.id,
        person_name=person.name,
        created_at=clock.now(),
        selection={**selections.to_json(selection), "query": query},
        filters=[[*one] for one in filters],
        format=choice.format,
        columns=list(choice.columns),
        personal=choice.personal,
        time_zone=choice.time_zone,
        separator=choice.separator,
        byte_order_mark=choice.byte_order_mark,
        reason=choice.reason,
        rows_expected=rows,
    )
    export.set_note(choice.note)
    export.save(force_insert=True)
    return export


def find(public_id: uuid.UUID, person_id: str) -> Export | None:
    """The person's export with this id. None if there is none, or it is another person's."""
    return Export.objects.filter(Q(person_id=person_id), public_id=public_id).first()


def last_of(person_id: str) -> Export | None:
    """The person's newest export, whose choice the form offers again."""
    return Export.objects.filter(Q(person_id=person_id)).order_by("-created_at", "-id").first()


def start(export: Export, actor: Actor) -> None:
    """Reserve a slot and record the event. Without the event no row is sent.

    Raises ``AllSlotsTaken``, ``NotReady`` if the export was started before, ``SearchNotUsable`` if its search
    was erased since, and the database's errors.
    """
    limit: int = settings.EXPORTS_AT_ONCE
    selection = selections.from_json(export.selection)
    selected = _selected(selection)
    for _ in range(2 * limit + 1):  # if another export took the slot meanwhile, try the next
        try:
            _start_in_free_slot(export, selection, selected, limit, actor)
        except IntegrityError:
            continue
        return
    raise AllSlotsTaken("The slots are taken")


def _selected(selection: Selection) -> _Selected:
    """What the selection contains now. Read before the transaction: it may take a second."""
    head = last_event()
    facts = selection.submissions().order_by().aggregate(Count("pk"), Min("pk"), Max("pk"))
    newest = Submission.objects.aggregate(Max("pk"))["pk__max"] or 0
    lowest = selection.lasting().order_by().aggregate(Min("pk"))["pk__min"]
    return _Selected(
        head=head,
        rows=facts["pk__count"],
        first=facts["pk__min"] or 0,
        last=facts["pk__max"] or 0,
        newest=newest,
        lowest_possible=max((newest if lowest is None else lowest) - OUT_OF_ORDER, 0),
    )


def _start_in_free_slot(
    export: Export, selection: Selection, selected: _Selected, limit: int, actor: Actor
) -> None:
    with transaction.atomic(durable=True):
        taken = set(Export.objects.filter(slot__isnull=False).values_list("slot", flat=True))
        free = next((slot for slot in range(1, limit + 1) if slot not in taken), None)
        ready = Export.objects.filter(pk=export.pk, state=State.READY)
        if free is None and ready.exists():
            raise AllSlotsTaken("The slots are taken")
        now = clock.now()
        if free is None or not ready.update(
            state=State.RUNNING, slot=free, started_at=now, beat_at=now, rows_expected=selected.rows
        ):
            raise NotReady("The export was started before")
        export.refresh_from_db()
        search = selection.asked.search
        bounds = {"first": selected.first, "last": selected.last} if selected.rows else {}
        seq = _record(
            EXPORT_STARTED,
            export,
            actor,
            filters=selection.asked.recorded(found=bool(selected.rows)),
            scope=selection.viewer.scope,
            columns=export.columns,
            reason=export.reason or None,
            expected=selected.rows,
            newest=selected.newest,
            head=nearest_number(selected.head),
            **bounds,
            **({"search": str(search.public_id)} if search else {}),
        )
        # The file may contain submissions that are stored until it is written: the worker sets the last one.
        recording.index_range(seq, selected.lowest_possible, UNBOUNDED)


def store_heartbeat(export: Export, state: State, progress: Progress) -> bool:
    """Store a heartbeat with the progress. Returns False if the export has ended, such as by cancellation.

    Raises the database's errors; a single heartbeat may be lost.
    """
    return bool(
        _active(export).update(
            state=state,
            beat_at=clock.now(),
            rows=progress.rows,
            bytes=progress.bytes,
            bytes_sent=progress.bytes_sent,
        )
    )


def finish(export: Export, progress: Progress, sha256: str, actor: Actor) -> bool:
    """Store that the whole file was sent. Returns False if the export had ended before.

    Raises the database's errors. The caller must then break the download: an end that is not stored must not
    look like a complete file.
    """
    with transaction.atomic(durable=True):
        ended = _end(export, State.FINISHED, progress, sha256=sha256)
        if ended:
            facts = {"rows": progress.rows, "unreadable": progress.unreadable, "bytes": progress.bytes}
            _record(EXPORT_FINISHED, export, actor, **facts, sha256=sha256)
    return ended


def has_finished(export: Export, sha256: str) -> bool:
    """Whether it is stored that the whole file with this checksum was sent."""
    return Export.objects.filter(pk=export.pk, state=State.FINISHED, sha256=sha256).exists()


def fail(export: Export, code: FailureCode, progress: Progress, actor: Actor) -> bool:
    """Store that the export failed, and why. Returns False if it had ended before."""
    with transaction.atomic(durable=True):
        ended = _end(export, State.FAILED, progress, failure_code=code.value)
        if ended:
            _record_failure(export, actor, code, rows=progress.rows)
    return ended


def cancel(export: Export, actor: Actor) -> bool:
    """Cancel the export. Returns False if it had ended before.

    With its next heartbeat the process that writes the file stops the query and breaks the download.
    """
    with transaction.atomic(durable=True):
        ended = bool(_active(export).update(state=State.CANCELLED, slot=None, finished_at=clock.now()))
        if ended:
            export.refresh_from_db()
            _record(EXPORT_CANCELLED, export, actor, rows=export.rows)
    return ended


def fail_lost_exports(actor: Actor) -> int:
    """Mark the exports as failed whose process was lost, and free their slots. Returns their number."""
    failed = 0
    # Active exports have a slot. With its small index the worker need not read the whole table each second.
    silent = Export.objects.filter(slot__gte=1, state__in=ACTIVE, beat_at__lt=clock.now() - LOST_AFTER)
    for export in silent:
        try:
            failed += _end_lost(export, actor)
        except DatabaseError as error:
            if is_database_unavailable(error):
                raise
            # A row that the database refuses must not block the slots of the others.
            logger.exception("export_not_swept %s", export.public_id)
    return failed


def _end_lost(export: Export, actor: Actor) -> bool:
    code = FailureCode.PROCESS_LOST
    with transaction.atomic(durable=True):
        # Only if there was no heartbeat since the row was read.
        silent = _active(export).filter(beat_at=export.beat_at)
        ended = bool(
            silent.update(state=State.FAILED, slot=None, finished_at=clock.now(), failure_code=code.value)
        )
        if ended:
            _record_failure(export, actor, code, rows=export.rows)
    return ended


def _active(export: Export) -> QuerySet[Export]:
    return Export.objects.filter(pk=export.pk, state__in=ACTIVE)


def _end(export: Export, state: State, progress: Progress, **facts: str) -> bool:
    return bool(
        _active(export).update(
            state=state,
            slot=None,
            finished_at=clock.now(),
            rows=progress.rows,
            unreadable=progress.unreadable,
            bytes=progress.bytes,
            bytes_sent=progress.bytes_sent,
            **facts,
        )
    )


def _record_failure(export: Export, actor: Actor, code: FailureCode, *, rows: int) -> None:
    facts = {"exporter": export.person_name, "failure_code": code.value, "rows": rows}
    _record(EXPORT_FAILED, export, actor, **facts)


def _record(event_type: EventType, export: Export, actor: Actor, **facts: Any) -> int:
    data = {
        "export": str(export.public_id),
        "format": export.format,
        "personal": "yes" if export.personal else "no",
        **facts,
    }
    # The person of the export, if the actor is not that person: the worker.
    person = str(export.person_id)
    seq = record(Event(event_type, actor, person="" if person == actor.id else person, data=data))
    recording.index_keys(seq, [recording.key_of(EXPORT_KEY, export.public_id)])
    return seq
