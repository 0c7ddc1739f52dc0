"""If the record before a send cannot be written, nothing is sent and the page keeps the entry."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEvent, AuditHead
from apps.audit.triggers import install_triggers
from apps.consumers import selectors
from apps.consumers.models import IdentityRule, Outcome, Submission, SubmissionDigest
from apps.consumers.sending import submit
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, creates, on_page, posted, store, text, typed

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "/consumers/new/"
HEADING = "This time nothing was sent: the portal could not write its record"
TEXT_OF_THE_FAULT = "the text of the fault"
WAIT_MS = 300


def _failing(module: Any, name: str) -> AbstractContextManager[None]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OperationalError(TEXT_OF_THE_FAULT)

    return _with(module, name, fail)


@contextmanager
def _with(module: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, function)
        yield


@contextmanager
def full_disk() -> Iterator[None]:
    """The submission's row can be written, its event cannot."""
    with _failing(submit, "record"):
        yield


@contextmanager
def trigger_refuses() -> Iterator[None]:
    """The head of the chain does not match the last row, so the trigger refuses every event."""
    head = AuditHead.objects.get()
    AuditHead.objects.update(seq=head.seq + 5)
    yield
    AuditHead.objects.update(seq=head.seq)


@contextmanager
def head_is_locked() -> Iterator[None]:
    """Another transaction locks the head of the chain for longer than a writer waits."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                AuditHead.objects.select_for_update().get()
                held.set()
                done.wait(20)
        finally:
            held.set()
            connection.close()

    holder = threading.Thread(target=hold)
    with _short_wait():
        holder.start()
        assert held.wait(10)
        try:
            yield
        finally:
            done.set()
            holder.join(10)


@contextmanager
def _short_wait() -> Iterator[None]:
    """Shorten the lock timeout of writers from the seconds of the settings to a moment."""
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor == "sqlite":
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(options, "timeout", WAIT_MS / 1000)
            yield
        return
    assert "lock_timeout=" in options["options"]
    _new_pool()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(options, "options", f"-c lock_timeout={WAIT_MS}")
        _run("SELECT 1")
        yield
    _new_pool()


def _new_pool() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def table_is_missing() -> Iterator[None]:
    _run("ALTER TABLE audit_event RENAME TO audit_event_away")
    try:
        yield
    finally:
        _run("ALTER TABLE audit_event_away RENAME TO audit_event")
        install_triggers(connection)  # SQLite writes the new name into them


def gone_at(module: Any, name: str) -> Callable[[], AbstractContextManager[None]]:
    """The database is lost when that function is called, until the end of the request."""

    @contextmanager
    def gone() -> Iterator[None]:
        real = getattr(module, name)
        with pytest.MonkeyPatch.context() as patch:

            def lost(*args: Any, **kwargs: Any) -> Any:
                connection.close()
                patch.setattr(connections["default"], "get_new_connection", refuse)
                return real(*args, **kwargs)

            def refuse(*_: Any, **__: Any) -> Any:
                raise OperationalError(TEXT_OF_THE_FAULT)

            patch.setattr(module, name, lost)
            yield

    return gone


FAULTS = {
    "full disk": full_disk,
    "trigger refuses": trigger_refuses,
    "head is locked": head_is_locked,
    "audit table is missing": table_is_missing,
    "gone after the session was read": gone_at(selectors, "providers"),
    "gone before the first query": gone_at(submit, "_existing_submission"),
    "gone before the row": gone_at(submit, "_store_submission"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_nothing_is_sent_and_the_entry_stays_and_can_be_sent_later(
    as_staff: Client,
    sandbox: SandboxServer,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[], AbstractContextManager[None]],
) -> None:
    IdentityRule.objects.create(name="Profile", provider="ProfileSystem", priority=1)
    form = {**on_page(as_staff.get(NEW)), **posted()}
    as_staff.post(NEW, posted(order="no-such-order"))  # so that the chain has a head
    before = (Submission.objects.count(), SubmissionDigest.objects.count(), AuditEvent.objects.count())
    sent_before = len(creates(sandbox))
    caplog.clear()

    with fault():
        page = as_staff.post(NEW, form)

    assert page.status_code == 503
    assert HEADING in text(page)
    assert re.search(r"support code: <strong class=\"mono\">[0-9a-f]{8}</strong>", text(page))
    assert TEXT_OF_THE_FAULT not in text(page)
    assert len(creates(sandbox)) == sent_before
    stored = (Submission.objects.count(), SubmissionDigest.objects.count(), AuditEvent.objects.count())
    assert stored == before
    again = on_page(page)
    assert again["token"] == form["token"]
    assert typed(again) == typed(form)
    assert [record.levelno for record in caplog.records if "not_" in record.getMessage()] == [logging.ERROR]
    assert FULL.last_name not in caplog.text

    answer = as_staff.post(NEW, again)
    assert answer.status_code == 303
    assert Submission.objects.get(token=form["token"]).outcome == Outcome.CREATED
    assert len(creates(sandbox)) == sent_before + 1


def test_repeated_press_is_not_told_that_the_entry_was_never_sent(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    """The first press sent it: only of the second one is it true that nothing was sent."""
    form = {**on_page(as_staff.get(NEW)), **posted()}
    receipt = as_staff.post(NEW, form).headers["Location"]
    with full_disk():
        page = as_staff.post(NEW, form)
    assert page.status_code == 503
    assert HEADING in text(page)
    assert "if an earlier press sent it, its receipt opens" in text(page)
    assert as_staff.post(NEW, on_page(page)).headers["Location"] == receipt
    assert len(creates(sandbox)) == 1


def test_page_of_the_failure_contains_the_entry_without_any_database(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    """Not even the session can be read: the most frequent form of a lost database."""
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.cookies = as_staff.cookies
    empty = browser.get(NEW)
    form = {**on_page(empty), **posted(), "csrfmiddlewaretoken": _secret(empty)}
    form["last_name"] = 'O’Brien "> <b>'

    def refuse(*_: Any, **__: Any) -> Any:
        raise OperationalError(TEXT_OF_THE_FAULT)

    connection.close()
    with _with(connections["default"], "get_new_connection", refuse):
        page = browser.post(NEW, form)
        strange = browser.post(NEW, {**form, "entry_of": "made up"})
    assert page.status_code == 503
    assert "The portal is not available" in text(page)
    assert "may have been sent" not in text(page)
    again = {**on_page(page), "csrfmiddlewaretoken": _secret(page)}
    assert again == form
    assert 'data-warn-before-leaving="unsaved"' in text(page)
    assert "Send it again" not in text(strange)
    assert creates(sandbox) == []

    assert browser.post(NEW, again).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED
    assert browser.post(NEW, again).status_code == 303
    assert len(creates(sandbox)) == 1


def _secret(page: Any) -> str:
    found: list[str] = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
    return found[-1]


def test_correction_stays_a_correction(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    address = f"{NEW}?from={store(staff, Outcome.REJECTED).public_id}"
    form = on_page(as_staff.get(address))
    with full_disk():
        page = as_staff.post(address, form)
    assert page.status_code == 503
    as_staff.post(address, on_page(page))
    assert Submission.objects.get(token=form["token"]).resubmission_of is not None
    assert len(creates(sandbox)) == 1
