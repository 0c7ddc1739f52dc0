"""The database is lost during a turn or a request, or a row cannot be decrypted."""

from __future__ import annotations

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.changing import rows
from apps.batches.checking.check import recheck
from apps.batches.models import Batch, BatchState, PauseReason
from apps.batches.sending import control, run
from apps.batches.views import checked, upload
from apps.consumers.models import Outcome
from apps.consumers.sending import storing, submit
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import BEN, NEW, TABLE, at, only_batch, paste, text
from tests.support.batch_rows import resolve_as_not_created, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, send_all, take_turn
from tests.support.entries import creates, on_page, store
from tests.support.keys import new_encryption_key
from tests.support.people import TESTS, acting

pytestmark = pytest.mark.django_db


def test_lost_database_before_the_record_leaves_the_row_ready(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(1))
    with monkeypatch.context() as patch:
        patch.setattr(submit, "_store_submission", _lost)
        take_turn(batch)
    assert states(batch) == ["ready"]
    assert batch.lease is None
    send_all(batch)
    assert len(creates(sandbox)) == 1


def test_lost_database_at_the_end_of_a_turn_releases_the_lease_later(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(2))
    with monkeypatch.context() as patch:
        patch.setattr(run, "end_turn", _lost)
        with pytest.raises(OperationalError):
            take_turn(batch)
    assert states(batch) == ["created", "ready"]
    send_all(batch)
    assert states(batch) == ["created", "created"]
    assert len(creates(sandbox)) == 2


def test_outcome_that_is_not_stored_goes_through_the_spool(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = confirmed_batch(staff, people(2))
    with monkeypatch.context() as patch:
        patch.setattr(storing, "store_outcome", _lost)
        take_turn(batch)
    assert states(batch) == ["sending", "ready"]
    assert not take_turn(batch)
    assert storing.drain_spool(TESTS) == 1
    send_all(batch)
    assert states(batch) == ["created", "created"]
    assert len(creates(sandbox)) == 2


def _lost(*_: object, **__: object) -> None:
    raise OperationalError("server closed the connection unexpectedly")


def test_row_that_cannot_be_decrypted_pauses_the_list_and_is_sent_once_the_key_is_there(
    sandbox: SandboxServer, staff: User, settings: Settings
) -> None:
    batch = confirmed_batch(staff, people(2))
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_READABLE)
    assert states(batch) == ["ready", "ready"]
    settings.ENCRYPTION_KEYS = keys
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["created", "created"]


def test_row_to_be_checked_again_that_cannot_be_decrypted_pauses_the_list_after_the_others(
    sandbox: SandboxServer, staff: User
) -> None:
    [person, other] = people(2)
    batch = confirmed_batch(staff, [person, other])
    open_ = store(staff, Outcome.UNKNOWN, person)
    recheck(batch)
    resolve_as_not_created(open_, staff)
    assert states(batch) == ["unchecked", "ready"]
    again = batch.rows.filter(pk=batch.rows.earliest("number").pk)
    values = again.get().encrypted_values
    again.update(encrypted_values=b"of a key that no worker has")
    take_turn(batch)
    assert states(batch) == ["unchecked", "created"]
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_READABLE)
    assert states(batch) == ["unchecked", "created"]
    again.update(encrypted_values=values)
    control.resume(batch, actor=acting(staff))
    send_all(batch)
    assert states(batch) == ["created", "created"]


def test_pasted_table_stays_if_the_database_is_lost_before_it_is_stored(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = re.search('name="entry_of" value="([^"]+)"', as_staff.get(NEW).content.decode())
    assert author is not None
    as_staff.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(upload, "create_batch", _lost)
        answer = paste(as_staff, entry_of=author[1])
    assert answer.status_code == 503
    assert html.escape(BEN) in answer.content.decode()  # in a form that sends it again
    assert "check whether it was already done" in text(answer)  # a second list would be stored
    assert "never processed twice" not in text(answer)
    assert "chosen again" not in text(answer)
    assert not Batch.objects.exists()
    assert paste(as_staff).status_code == 303


def test_file_is_asked_for_again_if_the_database_is_lost_before_it_is_stored(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = re.search('name="entry_of" value="([^"]+)"', as_staff.get(NEW).content.decode())
    assert author is not None
    as_staff.raise_request_exception = False
    monkeypatch.setattr(upload, "create_batch", _lost)
    file = SimpleUploadedFile("people.csv", TABLE.encode())
    answer = as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, "file": file, "entry_of": author[1]})
    assert answer.status_code == 503
    assert on_page(answer)["order_ref"] == SAMPLE_ORDER
    assert "A file has to be chosen again." in text(answer)


def test_stored_list_is_checked_later_if_the_database_is_lost_meanwhile(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checked, "check_batch", _lost)
        answer = paste(as_staff)
    batch = only_batch()
    assert answer["Location"] == at("batch", batch)
    assert states(batch) == ["unchecked"] * 2
    page = text(as_staff.get(at("batch", batch)))
    assert "2 rows are not checked" in page
    assert "Send" not in page
    as_staff.post(at("check", batch))
    assert states(batch) == ["ready"] * 2


@pytest.mark.parametrize("name", ["confirm", "leave_out", "pause"])
def test_act_without_a_database_says_so(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    batch = checked_batch(staff, people(1))
    as_staff.raise_request_exception = False
    monkeypatch.setattr(control, "confirm", _lost)
    monkeypatch.setattr(control, "pause", _lost)
    monkeypatch.setattr(rows, "leave_out", _lost)
    answer = as_staff.post(at(name, batch), {"shown": "x", "number": "2"})
    assert answer.status_code == 503
    assert "Nothing was changed" not in text(answer)  # it may have been
    assert states(batch) == ["ready"]
