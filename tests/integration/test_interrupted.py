"""A create whose session, database or keys fail in the middle: every page and record is true."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import Session, User
from apps.accounts.sign_in.sessions import close_expired_sessions
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import spool, storing, submit
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, clean, creates, on_page, posted, store, text
from tests.support.keys import new_encryption_key
from tests.support.people import events
from tests.support.resolving import mark_created

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
LATE = "11111111-2222-4333-8444-555555555555"


def _failing(
    monkeypatch: pytest.MonkeyPatch, name: str, errors: list[Exception], *, after: bool = False
) -> None:
    """Make a function of the services raise these errors in turn, before or after its work."""
    module = storing if name == "store_outcome" else submit
    real = getattr(module, name)

    def flawed(*args: Any, **kwargs: Any) -> Any:
        if errors and after:
            real(*args, **kwargs)
        if errors:
            raise errors.pop(0)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, flawed)


@pytest.mark.sql("new")
@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_failed_write_of_an_outcome_is_retried(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    _failing(monkeypatch, "store_outcome", [kind("gone")])
    assert as_staff.post(NEW, posted()).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED
    assert len(creates(sandbox)) == 1


@pytest.mark.sql("new")
def test_any_failure_to_store_an_outcome_writes_it_to_the_spool(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, "store_outcome", [ValueError("a fault"), ValueError("a fault")])
    response = as_staff.post(NEW, posted())
    [created] = sandbox.sandbox.consumers(posted()["order_ref"])
    [spooled] = spool.waiting()
    assert response.status_code == 503
    assert spooled.result.consumer_ref == created.ref


@pytest.mark.sql("new")
def test_write_with_a_lost_confirmation_is_no_late_answer(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, "store_outcome", [OperationalError("gone")], after=True)
    assert as_staff.post(NEW, posted()).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED
    assert events("consumer.late_answer") == []
    assert len(events("consumer.created")) == 1


@pytest.mark.sql("new")
def test_person_sees_the_true_result_if_nothing_can_be_written(
    as_staff: Client,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _failing(monkeypatch, "store_outcome", [OperationalError("gone"), OperationalError("gone")])
    response = as_staff.post(NEW, posted())
    [created] = sandbox.sandbox.consumers(posted()["order_ref"])
    assert response.status_code == 503
    assert "Consumer created" in text(response)
    assert created.ref in text(response)
    [line] = [record for record in caplog.records if "outcome_not_stored" in record.getMessage()]
    assert line.levelno == logging.ERROR
    assert created.ref in line.getMessage()
    assert FULL.last_name not in line.getMessage()
    assert Submission.objects.get().outcome == Outcome.SENDING  # the worker sets it to unknown


@pytest.mark.sql("new")
@pytest.mark.parametrize("spooled", [True, False])
def test_page_of_an_outcome_that_is_not_stored_says_until_when_the_entry_cannot_be_sent(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, spooled: bool
) -> None:
    sandbox.stop()
    _failing(monkeypatch, "store_outcome", [OperationalError("gone"), OperationalError("gone")])
    if not spooled:
        monkeypatch.setattr(spool, "write", lambda *_: False)
    page = text(as_staff.post(NEW, posted()))
    sandbox.start()
    assert "<h1>Nothing was sent</h1>" in page
    assert "You can send it again" not in page
    assert "Nothing was created. The portal could not store this in its database." in page
    assert ("Until it is stored, the same entry cannot be sent." in page) is spooled
    assert ("will be stored as soon as the database accepts it" in page) is spooled
    assert ("cannot be sent until it is resolved: a check may find the outcome;" in page) is not spooled


@pytest.mark.sql("new")
def test_identical_submission_that_ended_meanwhile_does_not_block(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(monkeypatch, "_store_submission", [IntegrityError("same content")])
    assert as_staff.post(NEW, posted()).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_session_that_ends_during_the_call_does_not_hide_the_receipt(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = submit._send

    def send_and_sign_out(*args: Any) -> Any:
        Session.objects.all().delete()
        connection.close()
        return send(*args)

    monkeypatch.setattr(submit, "_send", send_and_sign_out)
    response = as_staff.post(NEW, posted())
    receipt = f"/submissions/{Submission.objects.get().public_id}/"
    assert (response.status_code, response["Location"]) == (303, receipt)
    assert as_staff.get(receipt)["Location"] == f"/accounts/login/?next={receipt}"


@pytest.mark.sql("new")
def test_database_lost_while_the_session_is_written_ends_no_session(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("gone")

    settings.SESSION_SAVE_EVERY_REQUEST = True
    monkeypatch.setattr(Session, "save", lost)
    response = as_staff.post(NEW, posted())
    assert response.status_code == 303
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert Submission.objects.get().outcome == Outcome.CREATED


def test_invalid_session_cookie_is_anonymous(client: Client, settings: Settings) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "aaaaaaaaaa\000"
    assert client.get("/submissions/").status_code == 302


# --- A late answer that contradicts --------------------------------------------------------------
@pytest.fixture
def contradicted(staff: User) -> Submission:
    return store(
        staff, Outcome.NOT_CREATED, late_outcome=Outcome.CREATED, late_consumer_ref=LATE, contradicted=True
    )


def test_consumer_created_by_a_late_answer_is_not_sent_again(
    as_staff: Client, sandbox: SandboxServer, contradicted: Submission
) -> None:
    receipt = as_staff.get(f"/submissions/{contradicted.public_id}/")
    assert "An answer arrived after this was resolved" in text(receipt)
    assert LATE in text(receipt)
    assert "Correct and send again" not in text(receipt)
    assert as_staff.get(f"{NEW}?from={contradicted.public_id}").status_code == 404
    again = as_staff.post(NEW, posted())
    assert "The same consumer was sent to this order. The outcome is unknown." in text(again)
    assert creates(sandbox) == []


def test_contradiction_is_pinned_until_a_supervisor_resolves_it_again(
    as_supervisor: Client, contradicted: Submission
) -> None:
    receipt = f"/submissions/{contradicted.public_id}/"
    start = text(as_supervisor.get("/"))
    assert f'<a href="{receipt}">1 contradicted after the resolution</a>' in start
    page = as_supervisor.get(receipt)
    assert "Mark as created" in text(page)
    assert "Mark as not created" not in text(page)
    assert mark_created(as_supervisor, contradicted, LATE).status_code == 303
    contradicted.refresh_from_db()
    assert (contradicted.outcome, contradicted.consumer_ref) == (Outcome.CREATED, LATE)
    assert not contradicted.needs_resolution
    assert "contradicted after the resolution" not in text(as_supervisor.get("/"))


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.REJECTED, Outcome.SENDING])
def test_resolved_submission_shows_no_resolve_form_and_no_data(
    as_supervisor: Client, staff: User, outcome: Outcome
) -> None:
    submission = store(staff, outcome)
    response = as_supervisor.post(f"/submissions/{submission.public_id}/resolve/", {"outcome": "created"})
    assert response.status_code == 409
    assert FULL.last_name not in text(response)
    assert events("submission.viewed") == []


def test_resolve_form_with_errors_is_recorded_as_a_view(as_supervisor: Client, staff: User) -> None:
    submission = store(staff, Outcome.UNKNOWN)
    response = as_supervisor.post(f"/submissions/{submission.public_id}/resolve/", {"outcome": "created"})
    assert response.status_code == 200
    assert len(events("submission.viewed")) == 1


def test_resolve_form_whose_session_ended_returns_filled(
    as_supervisor: Client, supervisor: User, staff: User
) -> None:
    receipt = f"/submissions/{store(staff, Outcome.UNKNOWN).public_id}/"
    mark = (
        on_page(as_supervisor.get(receipt)).get("entry_of") or as_supervisor.get(receipt).context["entry_of"]
    )
    form = {"outcome": "created", "created-consumer_ref": REF, "created-note": "seen", "entry_of": mark}
    visitor = Client()
    answer = visitor.post(f"{receipt}resolve/", form, headers={"Referer": f"http://testserver{receipt}"})
    assert answer["Location"] == f"/accounts/login/?next={receipt}"
    session = dict(visitor.session)
    visitor.force_login(supervisor)
    former_session = visitor.session
    former_session.update({"sealed_entries": session["sealed_entries"]})
    former_session.save()
    page = text(visitor.get(receipt))
    assert REF in page
    assert ">seen</textarea>" in page.replace("> ", ">").replace(" <", "<")


# --- Keys and sessions ----------------------------------------------------------------------------
def test_undecryptable_row_breaks_no_page(
    as_staff: Client, staff: User, settings: Settings, sandbox: SandboxServer
) -> None:
    submission = store(staff, Outcome.CREATED)
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    for address in ("/", "/submissions/"):
        assert as_staff.get(address).status_code == 200
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "cannot be read, because their encryption key is missing" in page
    assert "were removed" not in page
    stopped = text(as_staff.post(NEW, posted(clean(last_name=FULL.last_name))))
    assert "An earlier consumer on this order cannot be read" in stopped
    assert creates(sandbox) == []


@pytest.mark.sql("new")
def test_expired_sessions_are_deleted_with_their_event(as_staff: Client, as_supervisor: Client) -> None:
    as_staff.get("/")
    as_supervisor.get("/")
    past = timezone.now() - datetime.timedelta(seconds=1)
    expired = Session.objects.filter(session_key=as_staff.session.session_key)
    expired.update(expire_date=past)
    assert close_expired_sessions() == 1
    assert close_expired_sessions() == 0
    assert Session.objects.count() == 1
    [event] = events("session.signed_out")
    assert event.details == {"reason": "idle"}
