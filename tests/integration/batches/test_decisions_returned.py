"""Decisions about rows, and their reasons, are not lost after the session ended or after an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.batches.changing.decisions import release_row
from apps.batches.changing.rows import leave_out
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch, ReleaseReason
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import ADA, TABLE, at, only_batch, paste, summary_of, text, values_of
from tests.support.batch_rows import batch_of, row_of, states
from tests.support.batch_sending import people
from tests.support.entries import store
from tests.support.people import PASSWORD, acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

ENDED = "Your session had ended when you sent the form. What you chose is below. Send it again."
DECISION = {"code-similar_row": "yes", "similar_reason": "family_member"}
UNSAVED = 'data-warn-before-leaving="unsaved"'


def _with_a_similar_row(client: Client) -> Batch:
    twin = ADA.replace("ada@example.com", "a.kingsley@example.com")
    paste(client, f"{TABLE}{twin}")
    batch = only_batch()
    assert states(batch) == ["ready", "ready", "attention"]
    return batch


def _sent_without_a_session(address: str, values: dict[str, str], person: User) -> Client:
    """The browser of the person, who has signed in again after sending the form."""
    visitor = Client()
    assert visitor.post(address, values).status_code == 302
    visitor.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    return visitor


def test_confirmed_warnings_and_their_reason_come_back_after_the_session_ended(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _with_a_similar_row(as_staff)
    accept = at("accept", batch)
    page = as_staff.get(at("batch", batch))
    assert UNSAVED not in page.content.decode()
    visitor = _sent_without_a_session(accept, {**values_of(page, of=accept), **DECISION}, staff)
    back = visitor.get(accept, follow=True)
    assert ENDED in text(back)
    assert UNSAVED in back.content.decode()
    assert DECISION.items() <= values_of(back, of=accept).items()
    visitor.post(accept, values_of(back, of=accept))
    assert states(batch) == ["ready"] * 3


def test_confirmation_that_comes_back_is_void_if_other_warnings_are_shown(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _with_a_similar_row(as_staff)
    accept = at("accept", batch)
    values = {**values_of(as_staff.get(at("batch", batch)), of=accept), **DECISION}
    visitor = _sent_without_a_session(accept, values, staff)
    leave_out(batch, [4], actor=acting(staff))
    back = visitor.get(at("batch", batch))
    assert "The list had changed meanwhile. Nothing was done" in text(back)
    assert ENDED not in text(back)


def test_reason_stays_if_no_warning_is_ticked(as_staff: Client, sandbox: SandboxServer) -> None:
    batch = _with_a_similar_row(as_staff)
    answer = as_staff.post(at("accept", batch), {"similar_reason": "family_member"})
    assert summary_of(answer) == ["Tick the warnings that you want to confirm"]
    assert values_of(answer, of=at("accept", batch))["similar_reason"] == "family_member"
    assert UNSAVED in answer.content.decode()


def _already_sent(person: User) -> Batch:
    store(person, Outcome.CREATED, people(1)[0])
    batch = batch_of(person, people(1))
    check_batch(batch, client=get_client())
    assert states(batch) == ["already_sent"]
    return batch


def test_reason_to_send_a_row_again_comes_back_after_the_session_ended(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = _already_sent(staff)
    release, row = at("release", batch, 2), at("row", batch, 2)
    page = as_staff.get(row)
    assert UNSAVED not in page.content.decode()
    values = {**values_of(page, of=release), "reason": "another_person"}
    visitor = _sent_without_a_session(release, values, staff)
    back = visitor.get(row)
    assert ENDED in text(back)
    assert UNSAVED in back.content.decode()
    assert values_of(back, of=release)["reason"] == "another_person"
    visitor.post(release, values_of(back, of=release))
    assert states(batch) == ["ready"]


def _sent_by_another_submission(batch: Batch, person: User) -> None:
    batch.rows.update(earlier=store(person, Outcome.CREATED, people(1)[0]).public_id)


def _released(batch: Batch, person: User) -> None:
    release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(person))


@pytest.mark.parametrize("happens", [_sent_by_another_submission, _released])
def test_reason_that_comes_back_too_late_is_void(
    as_staff: Client, staff: User, sandbox: SandboxServer, happens: Callable[[Batch, User], None]
) -> None:
    batch = _already_sent(staff)
    release = at("release", batch, 2)
    values = {**values_of(as_staff.get(at("row", batch, 2)), of=release), "reason": "another_person"}
    visitor = _sent_without_a_session(release, values, staff)
    happens(batch, staff)
    back = visitor.get(at("row", batch, 2))
    assert "The list had changed meanwhile. Nothing was done" in text(back)
    assert ENDED not in text(back)
    assert 'value="another_person" selected' not in back.content.decode()
