"""An event that was altered makes the verdict uncertain, and breaks no report."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.batches.audit_events import BATCH_DOWNLOADED
from apps.consumers import recording
from apps.consumers.models import Outcome, Submission
from apps.consumers.viewer import Viewer
from apps.history.exports import lifecycle
from apps.history.exports.lifecycle import FailureCode, Progress
from apps.privacy.exports import Uncertainty
from apps.privacy.presenters import UNCERTAINTY_LABELS
from apps.privacy.verdicts import AccessVerdict
from tests.support.access_report import (
    FILE,
    PAGE,
    altered,
    downloaded,
    export,
    finish,
    made_for,
    of_list,
    verdicts,
)
from tests.support.audit_flush import lift_triggers
from tests.support.entries import text
from tests.support.people import acting

pytestmark = pytest.mark.django_db(transaction=True)


def test_altered_list_is_an_uncertainty(one: Submission, supervisor: User) -> None:
    recording.record_listed([one], viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET data = 'x' WHERE action = 'submissions.listed'")
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.UNREADABLE)]


@pytest.mark.parametrize(
    "assignment",
    [
        """data = '{"count":1,"rows":["999"],"scope":"all"}'""",
        "action = 'session.ended'",
        "actor_name = 'Sam Person'",
    ],
)
def test_altered_event_that_can_be_read_is_an_uncertainty(
    one: Submission, supervisor: User, assignment: str
) -> None:
    recording.record_listed([one], viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)]
    altered(assignment, "submissions.listed")
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.ALTERED)]


def test_event_with_its_own_hash_but_no_valid_mac_is_an_uncertainty(
    one: Submission, supervisor: User
) -> None:
    recording.record_listed([one], viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    altered(f"mac = '{'0' * 64}'", "submissions.listed")
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.ALTERED)]


def test_altered_end_of_an_export_is_an_uncertainty(one: Submission, supervisor: User) -> None:
    export(supervisor, lambda made, actor: lifecycle.fail(made, FailureCode.READER_GONE, Progress(), actor))
    altered("action = 'export.finished'", "export.failed")
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.ALTERED)]


@pytest.mark.parametrize(
    ("action", "assignment"),
    [
        ("consumer.create_requested", "actor_name = 'Sid Person'"),
        ("consumer.outcome_unknown", "action = 'consumer.rejected'"),
        ("consumer.outcome_unknown", "action = 'session.ended'"),  # it hides a change
        ("consumer.outcome_unknown", f"mac = '{'0' * 64}'"),
    ],
)
def test_altered_event_of_the_submission_is_an_uncertainty_of_what_depends_on_it(
    one: Submission, supervisor: User, action: str, assignment: str
) -> None:
    export(supervisor, finish, {"outcomes": (Outcome.UNKNOWN,)})
    export(supervisor, finish, {"outcomes": (Outcome.REJECTED,)})
    export(supervisor, finish, {"person": "0"})  # no event decides about it
    made_for(one, uuid.UUID(int=7), 1)
    of_list(BATCH_DOWNLOADED, uuid.UUID(int=7), supervisor)
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)] * 2
    altered(assignment, action)
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.HISTORY_ALTERED)] * 3


def test_altered_export_does_not_break_the_page(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    export(supervisor, finish)
    altered('data = replace(data, \'"export":"\', \'"export":"x\')', "export.started")
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    shown = as_auditor.get(PAGE, {"consumer": ref})
    assert shown.status_code == 200
    assert str(UNCERTAINTY_LABELS[Uncertainty.ALTERED]) in text(shown)
    assert downloaded(as_auditor, f"{FILE}?consumer={ref}")


def test_event_of_a_list_that_was_altered_is_an_uncertainty(one: Submission, supervisor: User) -> None:
    batch = uuid.uuid4()
    made_for(one, batch, 7)
    of_list(BATCH_DOWNLOADED, batch, supervisor)
    altered("""data = '{"batch":"7"}'""", "batch.downloaded")
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.ALTERED)]
