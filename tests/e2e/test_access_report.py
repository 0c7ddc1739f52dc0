"""The story of an auditor: who created this consumer, who has seen this passport, is the report true?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.accounts.roles import AUDITOR, PERSONAL_DATA_EXPORT
from apps.audit.integrity.signing import sign_checkpoint
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending import submit
from apps.history.forms.export import values_of
from apps.history.models import Export
from sandbox.data.seed import SAMPLE_ORDER
from tests.e2e.windows import Windows
from tests.e2e.world import CONSUMER
from tests.support.people import TESTS, acting, make_person

pytestmark = pytest.mark.e2e


@pytest.fixture
def exported(windows: Windows, staff: User) -> Export:
    """An export that contained the passport, by a supervisor, and the creation of its consumer."""
    made = submit.submit(
        order_ref=SAMPLE_ORDER,
        consumer=CONSUMER,
        token=uuid.uuid4(),
        actor=acting(staff),
        client=get_client(),
    )
    assert made.outcome == Outcome.CREATED
    client = Client()
    client.force_login(make_person("olga", "supervisor", PERSONAL_DATA_EXPORT))
    values = values_of(None, time_zone="UTC") | {"show_passport_number": "on", "reason": "authority"}
    assert client.post("/submissions/export/?period=all", {**values, "format": "csv"}).status_code == 303
    export = Export.objects.get()
    answer = client.post(f"/submissions/exports/{export.public_id}/file/")
    assert CONSUMER.passport_number.encode() in answer.getvalue()
    return export


def _problems(page: Page) -> list[str]:
    """What axe finds on the page, with the rules of WCAG 2.2."""
    options = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_auditor_finds_who_created_a_consumer_and_who_saw_it(windows: Windows, exported: Export) -> None:
    ref = Submission.objects.get().consumer_ref
    page = windows.open(make_person("otto", AUDITOR))
    page.goto("/audit/")
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Reference").fill(ref)
    page.get_by_role("button", name="Show").click()
    row = page.locator("tbody tr", has_text="Order consumer created")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Sam Person")
    checked = _problems(page)
    row.get_by_role("link").first.click()
    made = f"Sam Person created the order consumer {ref} on order {SAMPLE_ORDER}"
    expect(page.locator(".event-sentence")).to_have_text(made)
    expect(page.get_by_role("link", name="Open the receipt")).to_have_count(0)
    checked += _problems(page)

    page.goto("/audit/access/")
    checked += _problems(page)
    page.get_by_label("What you know of the person").select_option("Consumer reference")
    page.get_by_label("Reference or exact value").fill(ref)
    page.get_by_role("button", name="Show who has seen it").click()
    row = page.locator("tbody tr", has_text="Export of submissions started")
    expect(row).to_contain_text("Olga Person")
    checked += _problems(page)
    page.goto(f"/submissions/exports/{exported.public_id}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Export of submissions")
    checked += _problems(page)
    assert checked == []


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_auditor_finds_who_saw_a_passport_opens_the_export_and_verifies_the_report(
    windows: Windows, exported: Export, javascript: bool, tmp_path: Path
) -> None:
    auditor = make_person("otto", AUDITOR)
    page = windows.open(auditor, javascript=javascript)
    page.goto("/audit/")
    page.get_by_role("link", name="Access report").first.click()
    page.get_by_label("What you know of the person").select_option("Passport number")
    page.get_by_label("Reference or exact value").fill(CONSUMER.passport_number.lower())
    page.get_by_label("From (optional)").fill("1 March 2026")
    page.get_by_role("button", name="Show who has seen it").click()
    expect(page.get_by_text("1 showed the data, 0 could have, 1 searched for it")).to_be_visible()
    assert CONSUMER.passport_number.lower() not in f"{page.url} {page.content()}".lower()
    row = page.locator("tbody tr", has_text="Export of submissions started")
    expect(row).to_contain_text("Olga Person")
    expect(row).to_contain_text("an authority asked for it")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download with the proof of its events").click()
    report = tmp_path / "report.zip"
    download.value.save_as(report)
    row.get_by_role("link", name="Export of submissions started").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Export of submissions")
    assert str(exported.public_id) in page.url

    sign_checkpoint(TESTS)
    page.goto("/audit/integrity/")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download proof").click()
    proof = tmp_path / "proof.zip"
    download.value.save_as(proof)
    shutil.unpack_archive(report, tmp_path / "report")
    program = tmp_path / "report" / "verify_access_report.py"
    command = [sys.executable, "-I", str(program), str(report), "--proof", str(proof)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    assert "none that names the person is left out" in result.stdout


def test_report_fits_a_narrow_screen_and_paper(windows: Windows, exported: Export) -> None:
    page = windows.open(make_person("otto", AUDITOR), viewport={"width": 320, "height": 640})
    page.goto("/audit/access/")
    page.get_by_label("What you know of the person").select_option("Last name")
    page.get_by_label("Reference or exact value").fill(CONSUMER.last_name)
    page.get_by_role("button", name="Show who has seen it").click()
    # The report has to be there before it is measured: the click does not wait for the next page.
    expect(page.locator("tbody tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.emulate_media(media="print")
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page.get_by_role("button", name="Show who has seen it")).to_be_hidden()
