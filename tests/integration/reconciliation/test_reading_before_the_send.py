"""The order is read before the send: what that costs if it fails or the portal is busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.cdp.client import CdpClient
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, on_page, posted, text
from tests.support.reconciling import NEW, lost, run_check

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_the_order_is_read(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(as_staff, sandbox)
    held: list[bool] = []

    def watch(name: str) -> None:
        real = getattr(CdpClient, name)

        def watched(self: CdpClient, order_ref: str, **options: Any) -> object:
            held.append(connection.vendor != "sqlite" and connection.connection is not None)
            return real(self, order_ref, **options)

        monkeypatch.setattr(CdpClient, name, watched)

    watch("observe_order_consumers")  # by a check
    watch("read_order_consumers")  # before a send
    assert run_check()
    as_staff.post(NEW, posted(clean()))
    assert held == [False, False]


@pytest.mark.parametrize("fault", ["no_answer_before", "503_html_before", "truncated_json"])
def test_unreadable_order_before_the_send_costs_only_the_evidence(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="list_order_consumers"))
    assert as_staff.post(NEW, posted()).status_code == 303
    submission = Submission.objects.get()
    assert (submission.outcome, submission.refs_before) == (Outcome.CREATED, None)


@contextmanager
def every_slot_taken() -> Iterator[None]:
    """All call slots of this process are taken by another thread."""
    assert django_settings.CDP_IN_FLIGHT == 1
    slots = get_client()._exchange.slots  # type: ignore[union-attr]  # it is configured
    assert slots._free.acquire(blocking=False)
    try:
        yield
    finally:
        slots._free.release()


def test_beyond_the_call_limit_the_entry_is_returned_immediately_and_nothing_stored(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_IN_FLIGHT = 1
    entry = posted()
    with every_slot_taken():
        response = as_staff.post(NEW, entry)
        assert response.status_code == 503
        assert "Nothing was sent: the portal is busy" in text(response)
        assert entry["token"] in text(response)
        assert FULL.passport_number in text(response)
        assert as_staff.get(f"/orders/{SAMPLE_ORDER}/").status_code in (200, 503)
        decision = {"accepted": "similar_consumer:1", "similar_reason": "family_member"}
        anyway = as_staff.post(NEW, {**entry, **decision})
        assert on_page(anyway)["similar_reason"] == "family_member"
        assert 'value="similar_consumer:1"' in text(anyway), "What was accepted need not be accepted again"
    assert Submission.objects.count() == 0
    assert sandbox.sandbox.requests() == []
    assert as_staff.post(NEW, entry).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED
