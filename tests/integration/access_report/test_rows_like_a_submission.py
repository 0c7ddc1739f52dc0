"""The access report finds lists with rows that are like a submission, or that have its row again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.recording import record
from apps.batches.changing.rows import correct_row
from apps.batches.files.result import Result, ResultRow, record_downloaded, runs_of_rows
from apps.batches.models import Batch
from apps.batches.recording import Others, record_viewed
from apps.batches.selectors import rows_of
from apps.batches.storing.new_list import make_new_list
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED
from apps.consumers.models import Outcome, ShownKey, Submission
from apps.consumers.recording import event_of
from apps.privacy import subjects
from apps.privacy.exports import Uncertainty
from apps.privacy.index import complete_index
from apps.privacy.report import Report
from apps.privacy.verdicts import AccessVerdict
from sandbox.data.seed import FAULT_ORDERS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import batch_of, checked, states
from tests.support.batch_sending import confirmed_batch, people, send_all
from tests.support.entries import FULL, clean, store
from tests.support.people import TESTS, acting, events
from tests.support.resolving import add_elsewhere

pytestmark = pytest.mark.django_db(transaction=True)

Found = list[tuple[str, AccessVerdict, Uncertainty | None]]
LIKE = (AccessVerdict.POSSIBLE, Uncertainty.LIKE_A_ROW)


def opened(client: Client, name: str, batch: Batch, *arguments: object) -> None:
    answer: Any = client.get(reverse(f"batches:{name}", args=[batch.public_id, *arguments]))
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) if answer.streaming else answer.content


def of(subject: subjects.Subject) -> Found:
    return [(one.event.action, one.verdict, one.uncertainty) for one in Report(subject).lines()]


def of_submission(made: Submission) -> Found:
    return of(subjects.Subject({made.pk: made}))


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("row", [FULL, replace(FULL, title="Sir")], ids=["sent already", "similar"])
def test_pages_and_file_of_a_list_with_a_row_like_a_submission_could_have_shown_it(
    as_staff: Client, staff: User, supervisor: User, sandbox: SandboxServer, row: Any
) -> None:
    made, other = store(supervisor, Outcome.CREATED, FULL), store(supervisor, Outcome.CREATED, clean())
    batch = checked(staff, row)
    assert states(batch) == ["already_sent" if row is FULL else "attention"]
    opened(as_staff, "batch", batch)
    opened(as_staff, "row", batch, 2)
    opened(as_staff, "result", batch)
    compared = ("consumer.compared", AccessVerdict.POSSIBLE, Uncertainty.COMPARED)  # as on the form
    of_row = ("batch.viewed", *LIKE) if row is FULL else compared
    expected = [("batch.viewed", *LIKE), of_row, ("batch.downloaded", *LIKE)]
    assert of_submission(made) == expected
    assert of_submission(other) == []
    ShownKey.objects.all().delete()
    assert complete_index(TESTS).beyond == 0
    assert of_submission(made) == expected


@pytest.mark.sql("repeated")
def test_list_with_a_row_like_a_consumer_of_the_vendor_could_have_shown_it(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    consumer = add_elsewhere(FULL)
    opened(as_staff, "batch", checked(staff, replace(FULL, title="Sir")))
    assert ("batch.viewed", *LIKE) in of(subjects.of_consumer(consumer.ref.upper()))


@pytest.mark.sql("repeated")
def test_own_rows_that_are_like_nobody_are_not_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    opened(as_staff, "batch", checked(staff, *people(2)))
    assert events("batch.viewed") == []


def test_list_that_has_the_failed_row_again_could_have_shown_it(
    as_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    first = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(first)
    made = Submission.objects.filter(batch=first.public_id, batch_row=2).get()
    created = Submission.objects.filter(batch=first.public_id, batch_row=3).get()
    Submission.objects.filter(pk=created.pk).update(batch_row=4)  # not in the later lists
    created.refresh_from_db()
    again = make_new_list(first, actor=acting(staff))
    last = batch_of(staff, people(1), replaces=again)
    other = batch_of(staff, people(1))
    for batch in (again, last, other):
        opened(as_supervisor, "batch", batch)
    later = ("batch.viewed", AccessVerdict.POSSIBLE, Uncertainty.LATER_LIST)
    assert of_submission(made) == [later, later]
    assert of_submission(created) == []


def test_what_is_made_after_a_row_was_corrected_may_have_other_values_in_it(
    as_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    """A corrected row has no receipt until it is sent again, and its correction is no event."""
    batch = confirmed_batch(staff, people(3), order=FAULT_ORDERS["404"])
    send_all(batch)
    made = [*Submission.objects.filter(batch=batch.public_id).order_by("batch_row")]
    opened(as_supervisor, "result", batch)
    opened(as_supervisor, "batch", batch)
    row = rows_of(batch).get(number=3)
    correct_row(batch, row, {**row.values, "last_name": "Other"}, actor=acting(staff))
    opened(as_supervisor, "result", batch)
    opened(as_supervisor, "batch", batch)
    named, corrected = (AccessVerdict.SHOWED, None), (AccessVerdict.POSSIBLE, Uncertainty.ROW_UNCERTAIN)
    for one, afterwards in zip(made, (named, corrected, named), strict=True):
        assert [found[1:] for found in of_submission(one)] == [named, named, afterwards, afterwards]
    for name in ("batch.downloaded", "batch.viewed"):
        assert [one.details.get("sent") for one in events(name)] == [["2-4"], ["2", "4"]]


def test_file_with_more_runs_of_rows_than_its_event_has_is_an_uncertainty_of_the_others(staff: User) -> None:
    batch = batch_of(staff, [])
    rows = [ResultRow(number, (), ("",) * 4, number % 2 == 0) for number in range(200)]
    made = {
        number: store(staff, Outcome.REJECTED, batch=batch.public_id, batch_row=number)
        for number in (98, 99, 100)
    }
    for one in made.values():
        with transaction.atomic():
            record(event_of(CONSUMER_CREATE_REQUESTED, one, acting(staff)))
    record_downloaded(Result(batch, rows), actor=acting(staff))
    [event] = events("batch.downloaded")
    assert event.details["sent"] == [str(number) for number in range(0, 100, 2)]
    for number, uncertainty in (
        (98, None),
        (99, Uncertainty.ROW_UNCERTAIN),
        (100, Uncertainty.ROW_UNCERTAIN),
    ):
        assert [found[2] for found in of_submission(made[number])] == [uncertainty]
    # Blank lines of the upload, whose numbers no row has, end no run.
    sent = [ResultRow(5 * number, (), ("",) * 4, is_sent=True) for number in range(200)]
    assert runs_of_rows(sent) == ["0-995"]


@pytest.mark.sql("repeated")
def test_list_with_rows_like_more_submissions_than_its_event_names(staff: User) -> None:
    batch = batch_of(staff, people(1))
    made = [store(staff, Outcome.CREATED, clean()) for _ in range(51)]
    others = Others(tuple(str(one.public_id) for one in made))
    record_viewed(batch, rows=1, actor=acting(staff), others=others)
    assert of_submission(made[49]) == [("batch.viewed", *LIKE)]
    assert of_submission(made[50]) == [("batch.viewed", AccessVerdict.POSSIBLE, Uncertainty.MORE_SHOWN)]
    assert complete_index(TESTS).beyond == 1
