"""Several people on one order in the browser: a rooming list from the file to the result, by keyboard too."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch
from apps.batches.sending import control
from apps.cdp.consumers import NewConsumer
from apps.cdp.factory import get_client
from apps.core import heartbeats
from sandbox.data.seed import GROUP_ORDER, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.keyboard import Keyboard
from tests.e2e.pages import stored
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.batch_rows import batch_of, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, send_all, take_turn
from tests.support.entries import posted
from tests.support.people import acting

pytestmark = pytest.mark.e2e

MOST_KEYS_OF_TWENTY = 60
HEADERS = ("First name", "Last name", "Date of birth", "Email", "Phone")
MAILBOX = f"{TYPED['mailbox of a list']}@example.com"
IN_BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])


def _cells(consumer: NewConsumer) -> list[str]:
    assert consumer.date_of_birth is not None
    born = consumer.date_of_birth.isoformat()
    return [consumer.first_name, consumer.last_name, born, consumer.emails[0], ""]


def _rooming_list(count: int) -> list[list[str]]:
    rows = [_cells(one) for one in people(count)]
    rows[0][3] = MAILBOX
    return [list(HEADERS), *rows]


def _with_five_faults(rows: list[list[str]]) -> list[list[str]]:
    broken = [list(row) for row in rows]
    broken[3][1] = ""  # no last name
    broken[8][2] = "31 February 1980"
    broken[13][3] = "nobody"
    broken[21][0] = ""
    broken[34][2] = "2099-01-01"
    return broken


def _saved(rows: list[list[str]], path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    return path


def _upload(page: Page, file: Path) -> None:
    page.get_by_label("Upload a file").set_input_files(file)
    with page.expect_navigation():
        page.get_by_role("button", name="Read the table").click()


@IN_BOTH_WAYS
def test_rooming_list_is_corrected_in_the_file_sent_and_every_row_becomes_certain(
    windows: Windows,
    staff: User,
    sandbox: SandboxServer,
    settings: Settings,
    tmp_path: Path,
    *,
    javascript: bool,
) -> None:
    settings.CDP_RECONCILIATION = True
    rows = _rooming_list(40)
    page = windows.open(staff, javascript=javascript)
    page.goto(f"/orders/{GROUP_ORDER}/")
    page.get_by_role("link", name="Add several people").click()
    expect(page.locator("h1")).to_have_text("Several people on one order")
    _upload(page, _saved(_with_five_faults(rows), tmp_path / "rooming-list.csv"))
    expect(page.locator(".panel-rejected")).to_contain_text("5 rows have errors")
    expect(page.locator("tbody tr")).to_have_count(5)
    expect(page.locator("tbody tr").first).to_contain_text("4")  # the file's own number

    with page.expect_download() as download:
        page.get_by_role("link", name="Download result (CSV)").click()
    returned = list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert len(returned) == 41
    assert sum(row[5] == "Needs attention" for row in returned) == 5
    corrected = [rows[at][:5] + row[5:] for at, row in enumerate(returned)]
    page.get_by_role("link", name="Upload the corrected file").click()
    _upload(page, _saved(corrected, tmp_path / "corrected.csv"))

    with page.expect_navigation():
        page.get_by_role("button", name="Send 40 rows to Sitecore CDP").click()
    expect(page.locator(".panel-sending")).to_contain_text("The list is being sent")
    batch = Batch.objects.latest("pk")
    sandbox.sandbox.faults.arm(Armed("reset_after", times=2))
    take_turn(batch)
    page.goto("/")
    expect(page.locator("section", has_text="Several people on one order")).to_contain_text("Being sent")
    page.locator(f"main a[href='/batches/{batch.public_id}/']").click()
    if not javascript:
        page.get_by_role("link", name="Check progress").click()
    send_all(batch)
    if javascript:  # the page has noticed it by itself
        expect(page.locator(".panel-unknown")).to_contain_text("The list is finished")
        page.get_by_role("link", name="Show the rows").click()
    else:
        page.reload()
    expect(page.locator(".panel-unknown")).to_contain_text("40 of 40 rows have an outcome")
    expect(page.locator(".panel-unknown")).to_contain_text("2 rows are unknown. Do not enter them again")

    for _ in range(2):
        with page.expect_navigation():
            page.get_by_role("link", name=re.compile("^Unknown")).click()
        page.get_by_role("link", name="Receipt").first.click()
        page.get_by_role("button", name="Check now").click()
        expect(page.locator("h1")).to_contain_text("Consumer created")
        page.goto(f"/batches/{batch.public_id}/")
    assert states(batch) == ["created"] * 40
    assert len(stored(sandbox, GROUP_ORDER)) == 40
    with page.expect_download() as download:
        page.get_by_role("link", name="Download result (Excel)").click()
    assert download.value.suggested_filename.endswith(".xlsx")
    assert download.value.path().read_bytes().startswith(b"PK")


@IN_BOTH_WAYS
def test_rows_are_corrected_one_after_the_other_by_keyboard(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    page = windows.open(staff, javascript=javascript)
    page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
    rows = _with_five_faults(_rooming_list(40))[:15]
    page.get_by_label("Paste a table").fill("\n".join("\t".join(row) for row in rows))
    with page.expect_navigation():
        page.get_by_role("button", name="Read the table").click()
    keyboard = Keyboard(page)
    keyboard.tab_to("main .panel-rejected a.btn-primary")
    keyboard.press("Enter")
    corrections = {
        "#id_last_name": f"Marlowe {TYPED['corrected last name']}",
        "#id_date_of_birth": "7 March 1980",
        "#id_emails-0-value": f"{TYPED['corrected mailbox']}@example.com",
    }
    for at, (field, text) in enumerate(corrections.items()):
        expect(page.locator("h1")).to_contain_text(("Row 4", "Row 9", "Row 14")[at])
        page.wait_for_load_state()
        keyboard.tab_to(field)
        keyboard.press("Control+a")
        page.keyboard.type(text)
        with page.expect_navigation():
            keyboard.press("Enter")  # saves, and opens the next row
    expect(page.locator("h1")).to_contain_text("Several people on order")
    expect(page.get_by_role("button", name="Send 14 rows to Sitecore CDP")).to_be_visible()


@IN_BOTH_WAYS
def test_enter_sends_no_correction_again_that_came_too_late(
    windows: Windows, staff: User, sandbox: SandboxServer, javascript: bool
) -> None:
    batch = checked_batch(staff, people(1))
    page = windows.open(staff, javascript=javascript)
    page.goto(f"/batches/{batch.public_id}/rows/2/")
    control.stop(batch, actor=acting(staff))
    last_name = page.locator("#id_last_name")
    typed = f"Marlowe {TYPED['corrected last name']}"
    last_name.fill(typed)
    with page.expect_navigation():
        last_name.press("Enter")
    expect(page.locator(".panel-warning")).to_contain_text("The list was discarded")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    last_name.press("Enter")
    page.locator("#id_emails-0-value").press("Enter")
    if javascript:
        page.on("dialog", lambda question: question.dismiss())
        with page.expect_event("dialog"):
            page.get_by_role("link", name="Open the list").click(no_wait_after=True)
    expect(last_name).to_have_value(typed)
    assert "POST" not in sent


def test_error_of_a_list_leads_to_its_fields(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    many = {f"emails-{at}-value": f"one{at}@example.com" for at in range(50)}
    batch = batch_of(staff, [{**posted(people(1)[0], order=""), **many, "emails-TOTAL_FORMS": "50"}])
    check_batch(batch, client=get_client())
    page = windows.open(staff)
    page.goto(f"/batches/{batch.public_id}/rows/2/")
    page.get_by_role("link", name="Enter at most 20 email addresses").click()
    expect(page.locator("#id_emails-0-value")).to_be_focused()


LINES = """cell => { const range = document.createRange(); range.selectNodeContents(cell);
  return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size; }"""
BOX = "element => { const { x, height } = element.getBoundingClientRect(); return [x, height]; }"
OUTSIDE = """pills => pills.filter(pill => {
  const [card, box] = [pill.closest('tr').getBoundingClientRect(), pill.getBoundingClientRect()];
  return box.right > card.right || box.left < card.left || box.right > innerWidth;
}).map(pill => pill.textContent)"""


def test_tables_of_a_list_are_whole_wide_and_narrow(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff, viewport={"width": 1280, "height": 900})
    page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
    expect(page.get_by_text("or", exact=True)).to_be_visible()
    # Longer than most, and narrow enough for one line even if the random letters are all m.
    address = f"a-long-name-{TYPED['mailbox of a list']}@travel.example.com"
    page.get_by_label("Paste a table").fill(f"First name\tZwxy\tEmail\nAda\tKing\t{address}\nBen\t\tnobody")
    with page.expect_navigation():
        page.get_by_role("button", name="Read the table").click()
    assert page.get_by_text(address).evaluate(LINES) == 1
    page.locator("main select").nth(1).select_option("last_name")
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.locator("main td .outcome, main th .outcome").evaluate_all(OUTSIDE) == []
    with page.expect_navigation():
        page.get_by_role("button", name="Check the rows").click()
    expect(page.locator("main td .outcome", has_text="Needs attention")).to_have_count(1)
    assert page.locator("main td .outcome").evaluate_all(OUTSIDE) == []
    correct = page.get_by_role("link", name="Correct row 3").evaluate(BOX)
    assert correct == page.get_by_role("button", name="Leave out row 3").evaluate(BOX)
    page.set_viewport_size({"width": 1280, "height": 900})
    wide = [
        one.evaluate(BOX)[1]
        for one in (
            page.get_by_role("link", name="Correct row 3"),
            page.get_by_role("button", name="Leave out row 3"),
        )
    ]
    assert wide[0] == wide[1]


def test_changed_columns_and_ticked_warnings_are_not_left_without_a_question(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
    twins = [f"Ada\tKing\t1990-01-02\t{name}@example.com" for name in ("ada", "king")]
    page.get_by_label("Paste a table").fill("\n".join(["First name\tZwxy\tDate of birth\tEmail", *twins]))
    with page.expect_navigation():
        page.get_by_role("button", name="Read the table").click()
    page.on("dialog", lambda question: question.dismiss())
    page.locator("main select").nth(1).select_option("last_name")
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Back to all lists").click(no_wait_after=True)
    expect(page.locator("main select").nth(1)).to_have_value("last_name")
    with page.expect_navigation():  # without a question
        page.get_by_role("button", name="Check the rows").click()
    page.get_by_label("Confirm for 1 row").check()
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Back to all lists").click(no_wait_after=True)
    page.get_by_label("Why create it anyway?").select_option("family_member")
    with page.expect_navigation():
        page.get_by_role("button", name="Confirm the ticked warnings").click()
    expect(page.get_by_role("button", name="Send 2 rows to Sitecore CDP")).to_be_visible()


def test_progress_pauses_and_stops_after_one_question(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer
) -> None:
    heartbeats.record_heartbeat(heartbeats.WORKER)
    page = windows.open(staff)
    page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
    page.get_by_label("Paste a table").fill("\n".join("\t".join(row) for row in _rooming_list(5)))
    page.get_by_role("button", name="Read the table").click()
    page.get_by_role("button", name="Send 5 rows to Sitecore CDP").click()
    bar = page.get_by_role("progressbar", name="Progress")
    expect(bar).to_have_attribute("value", "0")
    batch = Batch.objects.get()
    take_turn(batch)
    expect(page.locator("[data-live=percent]")).to_have_text("20 %")
    expect(page.locator("[role=status][data-live=announced]")).to_have_text("20 % done")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".panel-warning")).to_contain_text("Paused by a person")
    others = windows.open(supervisor)
    others.goto(f"/batches/{batch.public_id}/")
    others.get_by_role("button", name="Resume").click()
    expect(others.locator(".panel-sending")).to_be_visible()
    stop = others.get_by_role("button", name="Stop sending this list")
    expect(stop).not_to_be_visible()
    others.locator("summary", has_text="Stop").click()
    stop.click()
    expect(others.locator(".panel-not_sent")).to_contain_text("The list was stopped")
    assert states(batch) == ["created", *["left_out"] * 4]


def test_twenty_people_take_few_keys(windows: Windows, staff: User, sandbox: SandboxServer) -> None:
    page = windows.open(staff)
    page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
    keyboard = Keyboard(page)
    keyboard.tab_to("#id_table")
    page.keyboard.insert_text("\n".join("\t".join(row) for row in _rooming_list(20)))
    keyboard.without_data += 1  # Ctrl+V
    keyboard.tab_to("main button.btn-primary")
    with page.expect_navigation():
        keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Several people on order")
    page.wait_for_load_state()
    keyboard.tab_to("main button.btn-primary")
    with page.expect_navigation():
        keyboard.press("Enter")
    expect(page.locator(".panel-sending")).to_be_visible()
    send_all(Batch.objects.get())
    assert len(stored(sandbox)) == 20
    print(f"{keyboard.without_data} keys for 20 people")
    assert keyboard.without_data <= MOST_KEYS_OF_TWENTY


@pytest.mark.parametrize("at_work", [True, False], ids=["elsewhere", "nowhere"])
def test_end_of_sending_moves_the_focus_of_nobody_who_is_at_work(
    windows: Windows, staff: User, sandbox: SandboxServer, at_work: bool
) -> None:
    page = windows.open(staff)
    batch = confirmed_batch(staff, people(2))
    page.goto(f"/batches/{batch.public_id}/")
    link = page.locator("section a", has_text="All rows")
    if at_work:
        link.focus()
    send_all(batch)
    title = page.locator(".panel-created .panel-title")
    expect(title).to_have_text("The list is finished")
    expect(link if at_work else title).to_be_focused()
    announced = page.locator("[data-progress] + [role=status]")
    expect(announced).to_have_text("The list is finished" if at_work else "")
