"""The story of a supervisor: review the day, resolve unknown outcomes, export a file, answer for it."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT
from apps.consumers.models import Outcome
from tests.e2e.conftest import IN_BOTH_ENGINES
from tests.e2e.pages import go, sign_in
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.entries import clean, store
from tests.support.people import TESTS

pytestmark = pytest.mark.e2e

CREATED = [f"{letter}-{TYPED['exported last name']}" for letter in "ab"]
LOST = f"u-{TYPED['exported last name']}"
SEEN = "9b7de2a4-6f6d-43b1-8a8e-0d3f2a3b4c5d"


@IN_BOTH_ENGINES
def test_supervisor_resolves_and_exports_and_an_administrator_finds_it(
    windows: Windows, staff: User, supervisor: User, administrator: User, tmp_path: Path
) -> None:
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    for name in CREATED:
        store(staff, Outcome.CREATED, clean(last_name=name))
    store(staff, Outcome.REJECTED, clean(last_name="Rejected"))
    store(staff, Outcome.UNKNOWN, clean(last_name=LOST))
    store(supervisor, Outcome.CREATED, clean(last_name="Other"))

    page = windows.open()
    sign_in(page, "sue")
    page.get_by_role("link", name="Submissions").first.click()
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Person").select_option(label="Sam Person (sam)")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Remove the filter Person: Sam Person (sam)")).to_be_visible()
    listed = page.locator("main table").last.locator("tbody tr")
    expect(listed).to_have_count(4)

    page.get_by_role("link", name="Figures").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Figures")
    expect(page.locator("main")).to_contain_text("4 submissions")
    page.get_by_role("link", name="1 submission of unknown outcome").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Submissions")
    expect(listed).to_have_count(1)
    listed.get_by_role("link").first.click()

    page.get_by_label("Consumer reference").fill(SEEN)
    page.locator("#id_created-reason").select_option("seen_in_cdp")
    page.get_by_role("button", name="Mark as created").click()
    page.get_by_label("I compared it in Sitecore CDP myself").check()
    page.get_by_role("button", name="Mark as created").click()
    expect(page.locator("main")).to_contain_text("Marked as created by Sue Person, not verified")

    go(page, "/submissions/")
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Person").select_option(label="Sam Person (sam)")
    page.get_by_label("Created", exact=True).check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Remove the filter Outcome: Created")).to_be_visible()
    expect(listed).to_have_count(3)
    on_page = listed.locator("td:nth-child(3)").all_inner_texts()
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.locator("main")).to_contain_text("The file will have 3 rows")
    page.get_by_role("group", name="Personal data").get_by_label("Last name").check()
    page.get_by_label("Reason", exact=True).select_option("A check against another system")
    page.get_by_role("button", name="Prepare export").last.click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    path = tmp_path / "export.xlsx"
    started.value.save_as(path)
    expect(page.get_by_role("heading", name="The export is finished")).to_be_visible()

    [head, *rows] = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    exported = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["Last name"] for row in exported] == [LOST, *reversed(CREATED)]
    assert [name in cell for name, cell in zip([LOST, *reversed(CREATED)], on_page, strict=True)] == [
        True
    ] * 3
    assert exported[0]["Consumer reference"] == SEEN

    log = windows.open(administrator)
    go(log, "/audit/?action=export.finished")
    row = log.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Submissions exported")
    row.get_by_role("link").first.click()
    expect(log.locator(".event-sentence")).to_contain_text("exported 3 submissions")
    expect(log.get_by_role("heading", name="Stored event")).to_be_visible()
    expect(log.locator("main")).not_to_contain_text(LOST)
    go(log, "/audit/?action=export.started")
    row.get_by_role("link").first.click()
    expect(log.locator("main")).to_contain_text("a check against another system")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_monday_morning_from_the_view_to_the_figures_the_next_unknown_and_the_export_again(
    windows: Windows, staff: User, supervisor: User, tmp_path: Path, javascript: bool
) -> None:
    store(staff, Outcome.CREATED, clean(last_name=CREATED[0]))
    for letter in "uvw":
        store(staff, Outcome.UNKNOWN, clean(last_name=f"{letter}-{LOST}"))
    page = windows.open(supervisor, javascript=javascript)
    go(page, "/submissions/export/?period=all")
    page.get_by_label("CSV, exact").check()
    page.get_by_role("button", name="Prepare export").last.click()
    assert _outcomes(page, tmp_path / "earlier.csv") == ["created", *["unknown"] * 3]
    go(page, "/submissions/views/new/?outcome=unknown&period=all")
    page.get_by_label("Name", exact=True).fill("Open")
    page.get_by_label("Open the list with this view").check()
    page.get_by_role("button", name="Save the view").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Submissions")

    go(page, "/submissions/")  # opens the view
    expect(page.locator("main table tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Figures", exact=True).click()
    page.get_by_role("link", name="3 submissions of unknown outcome").click()
    expect(page.locator("main table tbody tr")).to_have_count(3)
    page.locator("main table tbody tr").last.get_by_role("link").first.click()
    for letter, left in (("u", 2), ("v", 1), ("w", 0)):  # the oldest first
        page.get_by_role("button", name="I have this").click()
        expect(page.locator("main")).to_contain_text("You have taken this until")
        page.locator("#id_not_created-reason").select_option("not_seen_in_cdp")
        page.get_by_role("button", name="Mark as not created").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            f"A supervisor marked this consumer as not created: Ida {letter}-{LOST}"
        )
        following = page.get_by_role("link", name=f"Next unknown ({left} left)")
        expect(following).to_have_count(1 if left else 0)
        if left:
            following.click()

    page.get_by_role("link", name="Past exports").click()
    page.locator("main table tbody tr").first.get_by_role("button", name="Export again").click()
    assert _outcomes(page, tmp_path / "again.csv") == ["created", *["not_created"] * 3]


def _outcomes(page: Page, path: Path) -> list[str]:
    """Download a prepared export, and return the outcomes in its file, sorted."""
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    started.value.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sorted(row["outcome"] for row in csv.DictReader(file))
