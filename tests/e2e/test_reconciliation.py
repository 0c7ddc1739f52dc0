"""An unknown outcome in the browser: resolved while the person watches, or shown to a supervisor."""

from __future__ import annotations

import datetime

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation.checks import run_due_check
from apps.core.actor import Actor
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.pages import SIMPLE, expect_receipt, fill_entry, open_form, press_create
from tests.e2e.test_outcomes import UNKNOWN
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = [2, 3600]


def _lost(windows: Windows, staff: User, sandbox: SandboxServer) -> Page:
    """The window of a person whose consumer was created while the answer was lost."""
    page = windows.open(staff)
    open_form(page)
    sandbox.sandbox.faults.arm(Armed("reset_after"))
    fill_entry(page, SIMPLE)
    press_create(page)
    expect_receipt(page, UNKNOWN)
    return page


def test_check_now_finds_the_consumer_whose_answer_was_lost(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = _lost(windows, staff, sandbox)
    expect(page.locator(".panel-unknown")).to_contain_text("the portal reads the order again at")
    page.get_by_role("button", name="Check now").click()
    expect_receipt(page, "Consumer created")
    expect(page.locator(".panel-created")).to_contain_text("Confirmed by reconciliation")


def test_message_after_an_act_is_announced(
    windows: Windows, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    page = _lost(windows, staff, sandbox)
    settings.CDP_RECONCILIATION = False  # meanwhile
    page.get_by_role("button", name="Check now").click()
    expect(page.locator(".messages")).to_have_text("Checks are turned off.")
    expect(page.locator("[data-announcer]")).to_have_text("Checks are turned off.")


def test_page_of_an_unknown_outcome_shows_the_workers_result_without_a_reload(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = _lost(windows, staff, sandbox)
    Submission.objects.update(next_check_at=datetime.datetime.now(datetime.UTC))
    assert run_due_check(actor=Actor.system("worker"), client=get_client())
    expect(page.locator(".panel-created")).to_contain_text("Confirmed by reconciliation", timeout=15_000)


def test_suspected_duplicate_shows_a_supervisor_every_candidate(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer
) -> None:
    _lost(windows, staff, sandbox)
    submission = Submission.objects.get()
    assert submission.consumer is not None
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    second = get_client().create_order_consumer(submission.order_ref, submission.consumer, deadline=deadline)
    page = windows.open(supervisor)
    page.goto(f"{windows.portal}/submissions/{submission.public_id}/")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator(".panel-unknown")).to_contain_text("Possible duplicate")
    page.goto(f"{windows.portal}/submissions/?outcome=unknown&period=all")
    expect(page.locator("tbody tr")).to_contain_text("Possible duplicate")
    page.locator("tbody tr").get_by_role("link").first.click()
    page.get_by_role("link", name=second.consumer.ref).click()
    expect(page.locator("h1")).to_contain_text("Order consumer")
    submission.refresh_from_db()
    assert submission.outcome == Outcome.UNKNOWN
