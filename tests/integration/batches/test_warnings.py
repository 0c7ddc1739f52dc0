"""Warnings about rows can be judged: whom each is about, by whom and when, and the two side by side."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking.check import check_batch
from apps.cdp.factory import get_client
from apps.consumers.models import OrderReading, Outcome
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, text
from tests.support.batch_rows import IDA, batch_of, states
from tests.support.entries import clean, store
from tests.support.people import events, make_person
from tests.support.resolving import add_elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

OTHER_MAILBOX = "clean.family@example.com"
LIKE_IDA = replace(IDA, emails=(OTHER_MAILBOX,))


def test_consumer_of_the_readers_own_submission_is_linked_and_shown_beside_the_row(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    sent = store(staff, Outcome.CREATED, LIKE_IDA)
    receipt = reverse("consumers:receipt", args=[sent.public_id])
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    assert states(batch) == ["attention"]
    page = as_staff.get(at("batch", batch))
    assert f"By {staff.name}," in text(page)
    assert receipt in page.content.decode()
    assert at("row", batch, 2) in page.content.decode()
    row = as_staff.get(at("row", batch, 2))
    assert f"By {staff.name}," in text(row)
    assert receipt in row.content.decode()
    assert OTHER_MAILBOX in text(row)
    assert [str(event.submission) for event in events("submission.viewed")] == [str(sent.public_id)]
    assert not events("consumer.compared")


def test_consumer_of_a_colleague_is_named_with_who_and_when_and_not_shown(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    olga = make_person("olga", "staff")
    sent = store(olga, Outcome.CREATED, LIKE_IDA)
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    for page in (as_staff.get(at("batch", batch)), as_staff.get(at("row", batch, 2))):
        assert f"By {olga.name}," in text(page)
        assert reverse("consumers:receipt", args=[sent.public_id]) not in page.content.decode()
        assert OTHER_MAILBOX not in text(page)
    assert "Not shown" in text(as_staff.get(at("row", batch, 2)))
    assert events("consumer.compared")
    assert not events("submission.viewed")


def test_many_similar_consumers_are_counted_and_those_counted_are_neither_shown_nor_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    nameless = clean(first_name="TBA", last_name="TBA")
    made = [store(staff, Outcome.CREATED, nameless) for _ in range(13)]
    batch = batch_of(staff, [replace(nameless, title="Mr")])
    check_batch(batch, client=get_client())
    page = as_staff.get(at("batch", batch))
    assert "3 more consumers on this order are similar to this one." in text(page)
    [listed] = events("batch.viewed")
    named = [str(one.public_id) for one in made[3:]]
    assert sorted(listed.details["submissions"]) == sorted(named)
    row = as_staff.get(at("row", batch, 2))
    assert "3 more consumers on this order are similar to this one." in text(row)
    assert row.content.decode().count('<tbody role="rowgroup">') == 10
    assert sorted(str(event.submission) for event in events("submission.viewed")) == sorted(named)


@pytest.mark.parametrize(("minutes", "is_compared"), [(1, True), (11, False)])
def test_consumer_that_only_the_vendor_has_is_linked_and_beside_the_row_while_its_reading_is_kept(
    minutes: int,
    is_compared: bool,
    as_staff: Client,
    staff: User,
    sandbox: SandboxServer,
    settings: Settings,
) -> None:
    settings.CDP_RECONCILIATION = True
    elsewhere = add_elsewhere(LIKE_IDA)
    record = reverse("orders:order_consumer", args=[elsewhere.ref])
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    OrderReading.objects.update(read_at=clock.now() - timedelta(minutes=minutes))
    assert record in as_staff.get(at("batch", batch)).content.decode()
    row = as_staff.get(at("row", batch, 2))
    assert record in row.content.decode()
    assert (OTHER_MAILBOX in text(row)) is is_compared


def test_similar_row_of_the_list_is_linked_and_shown_beside_the_row(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, [LIKE_IDA, IDA])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready", "attention"]
    assert at("row", batch, 2) in as_staff.get(at("batch", batch)).content.decode()
    row = as_staff.get(at("row", batch, 3))
    assert "Row 2" in text(row)
    assert OTHER_MAILBOX in text(row)
    assert at("row", batch, 2) in row.content.decode()


def test_warning_about_no_consumer_is_a_text(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = batch_of(staff, [replace(IDA, emails=())])
    check_batch(batch, client=get_client())
    for page in (as_staff.get(at("batch", batch)), as_staff.get(at("row", batch, 2))):
        assert "No identifier or email address matches an identity rule" in text(page)
        assert "Consumer reference:" not in text(page)
