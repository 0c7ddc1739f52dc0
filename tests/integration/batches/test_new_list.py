"""What failed in a list becomes a new one."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.batches.models import Batch
from apps.batches.sending import control
from sandbox.data.seed import FAULT_ORDERS
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, text
from tests.support.batch_rows import states
from tests.support.batch_sending import confirmed_batch, people, send_all, take_turn
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_what_failed_becomes_a_new_list_that_names_the_old_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(batch)
    answer = as_staff.post(at("rows_again", batch))
    made = Batch.objects.exclude(pk=batch.pk).get()
    assert (answer.status_code, answer["Location"]) == (303, at("batch", made))
    assert at("batch", batch) in as_staff.get(at("batch", made)).content.decode()


def test_what_cannot_be_decrypted_becomes_no_new_list(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2))
    as_staff.post(at("leave_out", batch), {"number": "2"})
    control.stop(batch, actor=acting(staff))
    assert "a new list of 1 row" in text(as_staff.get(at("batch", batch)))
    batch.rows.update(encrypted_values=b"of another key")
    answer = as_staff.post(at("rows_again", batch), follow=True)
    assert "Some rows cannot be decrypted" in text(answer)
    assert Batch.objects.count() == 1


def test_what_failed_is_not_offered_before_the_end(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("422"))
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    control.pause(batch, actor=acting(staff))
    assert states(batch) == ["rejected", "ready"]
    assert "Only what failed" not in text(as_staff.get(at("batch", batch)))
    control.stop(batch, actor=acting(staff))
    assert "a new list of 2 rows" in text(as_staff.get(at("batch", batch)))
