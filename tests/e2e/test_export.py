"""A supervisor exports the rows of the list, with a reason for personal data."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT
from apps.audit.models import AuditEvent
from apps.consumers.models import Outcome
from apps.history.models import Export
from apps.history.writing import Written, write
from tests.e2e.every_page.checks import broken_promises
from tests.e2e.layout_shift import watch_shifts
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.entries import clean, store
from tests.support.people import TESTS

pytestmark = pytest.mark.e2e

NAMES = [f"{letter}-{TYPED['exported last name']}" for letter in "abc"]
NOTE = f"For {TYPED['note of an export']}"


@pytest.fixture
def permitted(supervisor: User) -> User:
    """A supervisor who may export personal data, with three consumers of her own and a rejected one."""
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    for name in NAMES:
        store(supervisor, Outcome.CREATED, clean(last_name=name))
    store(supervisor, Outcome.REJECTED, clean(last_name="Rejected"))
    return User.objects.get(pk=supervisor.pk)


def _to_the_choice(page: Page) -> None:
    page.goto("/submissions/?outcome=created")
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Export submissions")
    expect(page.locator("main")).to_contain_text("The file will have 3 rows")


def _prepare(page: Page) -> None:
    page.get_by_role("button", name="Prepare export").last.click()


def _download(page: Page, folder: Path) -> Path:
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    target = folder / started.value.suggested_filename
    started.value.save_as(target)
    return target


def test_supervisor_exports_the_rows_of_the_list_with_a_reason(
    windows: Windows, permitted: User, tmp_path: Path
) -> None:
    page = windows.open(permitted)
    _to_the_choice(page)
    personal = page.get_by_role("group", name="Personal data")
    expect(personal.get_by_role("checkbox", checked=True)).to_have_count(0)
    personal.get_by_label("Last name").check()
    _prepare(page)
    expect(page.get_by_role("alert")).to_contain_text("Choose the reason for exporting personal data")
    page.get_by_label("Reason", exact=True).select_option("A check against another system")
    page.get_by_label("Note (optional)").fill(NOTE)
    page.get_by_role("button", name="Down Time submitted").click()
    expect(page.get_by_role("button", name="Down Time submitted")).to_be_focused()
    _prepare(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Export of submissions")
    assert AuditEvent.objects.filter(action="export.started").count() == 0

    path = _download(page, tmp_path)
    expect(page.get_by_role("heading", name="The export is finished")).to_be_focused()
    sheet = openpyxl.load_workbook(path).worksheets[0]
    head, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert [str(name).partition(" (")[0] for name in head[:2]] == ["Person", "Time submitted"]
    assert head[-1] == "Last name"
    assert [row[-1] for row in rows] == NAMES[::-1]
    [checksum] = Export.objects.values_list("sha256", flat=True)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == checksum
    expect(page.locator("main")).to_contain_text(checksum)
    recorded = AuditEvent.objects.filter(action__startswith="export.").order_by("seq")
    assert [event.action for event in recorded] == ["export.started", "export.finished"]

    page.get_by_role("link", name="Export again").click()  # with the same choice, except the reason
    expect(page.get_by_label("Last name")).to_be_checked()
    expect(page.get_by_label("Reason", exact=True)).to_have_value("")
    first = page.locator("[data-order-row]").first
    expect(first).to_contain_text("Person")


class SlowWrite:
    """The portal's own writer; it waits before the end of the file until the test releases it."""

    def __init__(self) -> None:
        self.may_end = False

    def __call__(
        self,
        selection: Any,
        layout: Any,
        write_bytes: Any,
        *,
        connection: Any,
        progress: Callable[[int], None],
    ) -> Written:
        written = write(selection, layout, write_bytes, connection=connection, progress=progress)
        until = time.monotonic() + 30
        while not self.may_end and time.monotonic() < until:
            progress(written.rows)
            time.sleep(0.02)
        return written


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowWrite:
    slow = SlowWrite()
    monkeypatch.setattr("apps.history.exports.making.writing.write", slow)
    return slow


def test_running_export_shows_its_progress_and_can_be_cancelled(
    windows: Windows, permitted: User, slow: SlowWrite
) -> None:
    page = windows.open(permitted)
    _to_the_choice(page)
    _prepare(page)
    with page.expect_download():  # what the browser makes of the end of the file: test_export_deployed.py
        page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("heading", name="The export is running")).to_be_focused()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("main")).to_contain_text("3 of 3 rows are written")
    page.get_by_role("button", name="Cancel export").click()
    expect(page.locator(".panel-not_sent")).to_contain_text("The export was cancelled")
    assert AuditEvent.objects.filter(action="export.cancelled").count() == 1
    assert AuditEvent.objects.filter(action="export.finished").count() == 0


def test_running_page_shows_the_end_without_a_reload(
    windows: Windows, permitted: User, slow: SlowWrite
) -> None:
    page = windows.open(permitted)
    _to_the_choice(page)
    _prepare(page)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("heading", name="The export is running")).to_be_visible()
    slow.may_end = True
    expect(page.get_by_role("heading", name="The export is finished")).to_be_visible()


def test_export_works_without_script(windows: Windows, permitted: User, tmp_path: Path) -> None:
    page = windows.open(permitted, javascript=False)
    _to_the_choice(page)
    page.get_by_label("JSON Lines").check()
    page.get_by_role("button", name="Up Person").click()
    expect(page.get_by_label("JSON Lines")).to_be_checked()
    expect(page.locator("[data-order-row]").first).to_contain_text("Person")
    _prepare(page)
    path = _download(page, tmp_path)
    lines = path.read_text().splitlines()
    assert len(lines) == len(NAMES) + 2  # between the columns and the line that marks the end
    page.get_by_role("link", name="Check progress").click()
    expect(page.get_by_role("heading", name="The export is finished")).to_be_visible()


def test_page_with_personal_columns_passes_the_page_checks(windows: Windows, permitted: User) -> None:
    page = windows.open(permitted, viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    watch_shifts(page)
    answer = page.goto("/submissions/export/")
    assert answer is not None
    assert [*broken_promises(page, answer.text())] == []
