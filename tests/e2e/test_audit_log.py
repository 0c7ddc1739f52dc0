"""The story of an administrator: who created this consumer last week, and what was tried before?"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.integrity import stored_rows, verification
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import Progress, Result
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.views import integrity as integrity_views
from apps.cdp.factory import get_client
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import submit
from apps.core.actor import Actor
from sandbox.data.seed import SAMPLE_ORDER
from tests.e2e.conftest import IN_BOTH_ENGINES, actions_of
from tests.e2e.pages import sign_in
from tests.e2e.windows import TIMEOUT, Windows
from tests.e2e.world import CONSUMER
from tests.support.people import acting

pytestmark = pytest.mark.e2e

TEN_DAYS = 10 * 24 * 3600 * 10**9  # nanoseconds


def _send(person: User) -> Submission:
    return submit.submit(
        order_ref=SAMPLE_ORDER,
        consumer=CONSUMER,
        token=uuid.uuid4(),
        actor=acting(person),
        client=get_client(),
    )


@pytest.fixture
def created(windows: Windows, staff: User, settings: Settings) -> Submission:
    """Two sends without a connection, a successful third, and another on the same order ten days later."""
    vendor, settings.CDP_BASE_URL = settings.CDP_BASE_URL, "http://127.0.0.1:9"
    assert [_send(staff).outcome for _ in range(2)] == [Outcome.NOT_SENT] * 2
    settings.CDP_BASE_URL = vendor
    submission = _send(staff)
    later = time.time_ns() + TEN_DAYS
    with mock.patch.object(time, "time_ns", return_value=later), transaction.atomic():
        record(Event(CONSUMER_CREATE_REQUESTED, acting(staff), order_ref=SAMPLE_ORDER))
    assert submission.outcome == Outcome.CREATED
    return submission


def _rows(page: Page) -> Locator:
    return page.locator("tbody tr")


def _expect_actions(page: Page, actions: list[str]) -> None:
    expect(_rows(page).locator("td:nth-child(3)")).to_have_text(actions, use_inner_text=True)


@IN_BOTH_ENGINES
def test_administrator_finds_who_created_a_consumer_and_the_failed_attempts(
    windows: Windows, administrator: User, created: Submission
) -> None:
    page = windows.open()
    sign_in(page, "ada")
    page.get_by_role("link", name="Audit log").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")

    page.locator("summary", has_text="Filters").click()
    today = timezone.localdate()
    page.get_by_label("From").fill((today - dt.timedelta(days=1)).isoformat())
    page.get_by_label("To", exact=True).fill((today + dt.timedelta(days=1)).isoformat())
    page.get_by_label("Reference").fill(created.consumer_ref)
    page.get_by_role("button", name="Show").click()
    made = f"Sam Person created the order consumer {created.consumer_ref} on order {SAMPLE_ORDER}"
    _expect_actions(page, ["Order consumer created"])
    assert "before=" not in page.url

    _rows(page).get_by_role("link").first.click()
    expect(page.locator(".event-sentence")).to_have_text(made)
    expect(page.get_by_role("link", name="Open the receipt")).to_have_count(0)  # administrators cannot see it
    page.get_by_role("link", name="Timeline of this order").click()
    asked, failed = "Order consumer requested", "Order consumer not sent Failed"
    _expect_actions(page, [asked, failed, asked, failed, asked, "Order consumer created", asked])

    page.get_by_role("link", name="Only failures and denials").click()
    expect(_rows(page)).to_have_count(2)
    expect(_rows(page).locator(".outcome")).to_have_text(["Failed", "Failed"])
    page.get_by_role("link", name=f"Remove the filter Reference: {SAMPLE_ORDER}").click()
    expect(page.get_by_role("link", name="Remove the filter")).to_have_count(2)

    seen = actions_of(administrator)
    assert (seen.count("audit.viewed"), seen.count("audit.event_viewed")) == (5, 1)


def test_row_of_an_event_is_a_fortieth_of_a_screen(
    windows: Windows, administrator: User, created: Submission
) -> None:
    page = windows.open(administrator, viewport={"width": 1280, "height": 1080})
    page.goto("/audit/")
    heights = [box["height"] for row in _rows(page).all() if (box := row.bounding_box())]
    assert len(heights) >= 7
    assert max(heights) <= 1080 / 40


@IN_BOTH_ENGINES
def test_administrator_verifies_the_log_and_the_proof_verifies_without_the_portal(
    windows: Windows,
    administrator: User,
    created: Submission,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_checkpoint(Actor.system("worker"))
    read_on = _three_events_at_a_time(monkeypatch)
    page = windows.open()
    sign_in(page, "ada")
    page.get_by_role("link", name="Audit log").first.click()
    page.get_by_role("link", name="Integrity").click()
    expect(page.get_by_text("The log has not been verified yet.")).to_be_visible()

    page.get_by_role("button", name="Verify now").click(no_wait_after=True)
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=TIMEOUT)
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    expect(page.get_by_text("The audit log is unchanged.")).to_have_count(0)
    read_on.set()
    expect(page.get_by_text("The audit log is unchanged.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)  # hidden from all users
    page.get_by_role("link", name="Integrity").click()
    signed = AuditEvent.objects.get(action="audit.checkpoint_signed").details["last"]
    expect(page.get_by_text(f"The last checkpoint is at event {signed}.")).to_be_visible()
    key = page.locator("code").inner_text()

    with page.expect_download() as download:
        page.get_by_role("button", name="Download proof").click()
    proof = tmp_path / download.value.suggested_filename
    download.value.save_as(proof)
    folder = tmp_path / "proof"
    shutil.unpack_archive(proof, folder)
    assert _checked(folder, "--key", key) == (0, "unchanged: The audit log is unchanged.")

    events = folder / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    [place] = [n for n, line in enumerate(lines) if '"action":"consumer.created"' in line]
    lines[place] = lines[place].replace("Sam Person", "Sue Person")
    events.write_text("".join(lines))
    assert _checked(folder) == (2, f"changed: Event {place + 1} was changed.")
    assert actions_of(administrator)[-2:] == ["audit.verified", "audit.proof_downloaded"]


def _three_events_at_a_time(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Make the verification wait after the first batch until it may go on, at most 20 seconds."""
    read_on, whole = threading.Event(), verification.verification

    def slow() -> Generator[Progress, None, Result]:
        steps = whole()
        yield next(steps)
        read_on.wait(20)
        return (yield from steps)

    monkeypatch.setattr(stored_rows, "BATCH", 3)
    monkeypatch.setattr(integrity_views, "verification", slow)
    return read_on


def _checked(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and verdict of the proof's own verifier, in a Python without the portal."""
    command = ["python3", "-I", str(folder / "verify_audit_log.py"), str(folder), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()[0]


def test_audit_log_page_explains_an_empty_result_and_an_invalid_filter(
    windows: Windows, administrator: User
) -> None:
    page = windows.open(administrator)
    page.goto("/audit/?reference=nothing")
    page.get_by_role("link", name="Show all events").click()
    expect(_rows(page).first).to_be_visible()
    page.goto("/audit/?reference=a+b")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.locator("[data-error-summary]").get_by_role("link").click()
    expect(page.get_by_label("Reference")).to_be_focused()
