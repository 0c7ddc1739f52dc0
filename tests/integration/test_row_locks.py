"""Whoever locks a row does not stop those that store rows which refer to it.

Their foreign key is checked at the commit, when they hold the head of the audit log: if that waited for the
lock of a row, whose holder then records an event, the two would wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.recording import record
from apps.batches.models import SourceKind
from apps.batches.reading.table import Table, TableRow
from apps.batches.sending import control
from apps.batches.storing.upload import create_batch
from apps.consumers.models import Outcome, SubmissionNote
from apps.consumers.reconciliation import resolution, taking
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_sending import confirmed_batch, people
from tests.support.entries import store
from tests.support.people import acting, events
from tests.support.resolving import resolve

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock for all rows"),
]


def _after(act: Callable[[], object]) -> Callable[[Event], int]:
    """``record``, before whose first call another thread commits ``act``."""
    acts = [act]

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        finally:
            connection.close()

    def recorded(event: Event) -> int:
        if acts:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(run, acts.pop()).result()  # "lock timeout" if it waits for this transaction
        return record(event)

    return recorded


def test_corrected_file_is_stored_while_its_predecessor_is_locked(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    table = Table(SourceKind.CSV, (TableRow(1, ("First name", "Last name")), TableRow(2, ("Ida", "Clean"))))

    def upload() -> None:
        actor = acting(staff)
        create_batch(
            table, None, providers=(), order_ref=SAMPLE_ORDER, order_number="", actor=actor, replaces=batch
        )

    monkeypatch.setattr(control, "record", _after(upload))
    control.pause(batch, actor=acting(staff))
    [uploaded], [paused] = events("batch.uploaded"), events("batch.paused")
    assert uploaded.details["replaces"] == str(batch.public_id)
    assert uploaded.seq < paused.seq


def test_note_is_stored_while_its_submission_is_being_taken(
    staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = store(staff, Outcome.UNKNOWN)
    note = partial(taking.add_note, submission, "Asked Sitecore", actor=acting(staff))
    monkeypatch.setattr(taking, "record", _after(note))
    taking.take(submission, actor=acting(supervisor))
    assert SubmissionNote.objects.get().submission.taken_by == supervisor


def test_note_is_stored_while_its_submission_is_being_resolved(
    staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = store(staff, Outcome.UNKNOWN)
    note = partial(taking.add_note, submission, "Asked Sitecore", actor=acting(staff))
    monkeypatch.setattr(resolution, "record", _after(note))
    resolve(submission, supervisor)
    assert SubmissionNote.objects.get().submission.resolved_by == supervisor
