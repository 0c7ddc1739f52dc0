"""What a person is told before and after the confirmation of a list."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking import check
from apps.batches.models import Batch
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, text, values_of
from tests.support.batch_rows import batch_of, states
from tests.support.batch_sending import people
from tests.support.cdp_clients import lookup_slots_taken
from tests.support.entries import store
from tests.support.people import make_person
from tests.support.resolving import vendor_down

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NOT_CHECKED = "The order could not be checked."


def _confirm(client: Client, batch: Batch) -> str:
    """Press Send, and return the text of the page that it leads to."""
    page = client.get(at("batch", batch))
    values = values_of(page, of=at("confirm", batch))
    return text(client.post(at("confirm", batch), values, follow=True))


@pytest.mark.sql("new")
def test_list_says_before_and_after_the_confirmation_that_the_order_could_not_be_checked(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, people(1))
    vendor_down(sandbox)
    check.check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]
    assert f"{NOT_CHECKED} You can continue." in text(as_staff.get(at("batch", batch)))
    assert f"{NOT_CHECKED} Each row is compared again before it is sent." in _confirm(as_staff, batch)


def test_without_reconciliation_rows_are_compared_only_with_known_consumers(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, people(1))
    check.check_batch(batch, client=get_client())
    compared = "Each row is compared again before it is sent, but only with consumers that the portal knows."
    page = text(as_staff.get(at("batch", batch)))
    assert f"{NOT_CHECKED} You can continue." in page
    assert compared in page
    assert f"{NOT_CHECKED} {compared}" in _confirm(as_staff, batch)
    assert sandbox.sandbox.requests() == []


def test_order_that_cannot_be_read_at_the_confirmation_is_said(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, people(1))
    check.check_batch(batch, client=get_client())
    assert NOT_CHECKED not in text(as_staff.get(at("batch", batch)))
    vendor_down(sandbox)
    assert NOT_CHECKED in _confirm(as_staff, batch)


def test_confirmation_leaves_a_slot_to_creates(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, people(1))
    check.check_batch(batch, client=get_client())
    asked = len(sandbox.sandbox.requests())
    with lookup_slots_taken(settings):
        assert NOT_CHECKED in _confirm(as_staff, batch)
    assert len(sandbox.sandbox.requests()) == asked


def test_order_that_was_read_is_not_mentioned(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, people(1))
    check.check_batch(batch, client=get_client())
    assert NOT_CHECKED not in _confirm(as_staff, batch)


@pytest.mark.sql("new")
def test_row_that_a_colleague_has_sent_meanwhile_is_said_to_be_sent(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, people(2))
    check.check_batch(batch, client=get_client())
    page = as_staff.get(at("batch", batch))
    store(make_person("olga", "staff"), Outcome.CREATED, people(1)[0])
    values = values_of(page, of=at("confirm", batch))
    shown = text(as_staff.post(at("confirm", batch), values, follow=True))
    assert states(batch) == ["already_sent", "ready"]
    assert "1 row was sent already, by another submission." in shown
    assert "needs attention" not in shown.split("Rows")[0]
