"""An answer of the send that arrives after a check took the consumer."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.audit.presenters.events import fields, sentence
from apps.consumers.models import Outcome
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import REF, resolved_by, store, text
from tests.support.people import events
from tests.support.reconciling import WORKER, lost, run_check
from tests.support.resolving import enter, fresh

pytestmark = pytest.mark.django_db


def test_late_rejection_after_reconciliation_is_pinned_until_a_supervisor_resolves_it(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    assert run_check()
    taken = fresh(submission)
    late = Result(Outcome.REJECTED, http_status=400, error_code="invalid")
    storing.store_outcome(taken, late, WORKER)
    storing.store_outcome(taken, late, WORKER)
    found = fresh(submission)
    assert (found.outcome, found.late_outcome, found.contradicted) == (Outcome.CREATED, "rejected", True)
    assert len(events("consumer.late_answer")) == 1
    receipt = f"/submissions/{submission.public_id}/"
    assert receipt in text(as_supervisor.get("/"))
    page = text(as_supervisor.get(receipt))
    assert "that it had not created this consumer" in page
    assert "Mark as not created" in page
    form = {"outcome": "not_created", "not_created-reason": "vendor_confirmed", "not_created-note": ""}
    assert enter(as_supervisor, submission, form).status_code == 303
    assert (fresh(submission).outcome, fresh(submission).contradicted) == (Outcome.NOT_CREATED, False)
    assert receipt not in text(as_supervisor.get("/"))


def test_late_news_that_nothing_was_sent_is_no_answer_of_sitecore_cdp(
    as_supervisor: Client, staff: User, supervisor: User
) -> None:
    submission = store(staff, Outcome.CREATED, consumer_ref=REF, **resolved_by(supervisor))
    storing.store_outcome(fresh(submission), Result(Outcome.NOT_SENT, error_code="deadline_passed"), WORKER)
    found = fresh(submission)
    assert (found.outcome, found.late_outcome, found.contradicted) == (Outcome.CREATED, "not_sent", True)
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "The portal found later that nothing was sent" in page
    assert "Sitecore CDP answered" not in page
    assert "An answer arrived" not in page
    [event] = events("consumer.late_answer")
    assert sentence(event) == (
        f"The portal found after the resolution that nothing was sent to order {found.order_ref}"
    )
    shown = " ".join(f"{one.label}: {one.value}" for one in fields(event, {}))
    assert "Late outcome: not sent" in shown
    assert "nswer" not in shown


def test_agreeing_late_answer_is_no_contradiction(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    assert run_check()
    taken = fresh(submission)
    storing.store_outcome(
        taken, Result(Outcome.CREATED, consumer_ref=taken.consumer_ref, http_status=200), WORKER
    )
    storing.store_outcome(taken, Result(Outcome.UNKNOWN, error_code="read_timeout"), WORKER)
    assert not fresh(submission).contradicted
    assert [event.details["answer_outcome"] for event in events("consumer.late_answer")] == ["created"]
