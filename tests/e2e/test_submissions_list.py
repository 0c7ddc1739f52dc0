"""The list of submissions: results first, sorting, columns and saved views, with script and without."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.consumers.models import Outcome
from apps.core import clock
from tests.e2e.keyboard import Keyboard
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.entries import clean, resolved_by, store

pytestmark = pytest.mark.e2e

NAME = TYPED["exported last name"]
TOP = "element => element.getBoundingClientRect().top + scrollY"


def _fill(staff: User, supervisor: User) -> None:
    """Fifty-five rejected submissions, and some of each kind that needs attention."""
    now = clock.now()
    for number in range(55):
        store(
            staff, Outcome.REJECTED, clean(last_name=f"{NAME}-{number}"), duration_ms=100 + number,
            submitted_at=now - dt.timedelta(milliseconds=number + 1),  # today, also just after midnight
        )  # fmt: skip
    for number in range(7):
        store(staff, Outcome.UNKNOWN, clean(last_name=f"u{number}-{NAME}"), submitted_at=now)
    store(staff, Outcome.NOT_CREATED, clean(last_name=f"absent-{NAME}"), **resolved_by(supervisor))
    # Contradicted, so that it is unknown.
    store(
        staff, Outcome.NOT_CREATED, clean(last_name=f"late-{NAME}"), **resolved_by(supervisor),
        late_outcome="created", late_consumer_ref="9b7de2a4-6f6d-43b1-8a8e-0d3f2a3b4c5d", contradicted=True,
    )  # fmt: skip


def _press(page: Page, role: str, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]  # a link or a button


def test_supervisor_finds_sorts_and_saves_a_view_that_warns(
    windows: Windows, staff: User, supervisor: User
) -> None:
    _fill(staff, supervisor)
    page = windows.open(supervisor, viewport={"width": 1366, "height": 768})
    page.goto("/submissions/")
    expect(page.get_by_role("link", name="8 submissions of unknown outcome")).to_be_visible()
    page.locator("summary", has_text="Filters").click()
    for outcome in ("Rejected", "Not created"):
        page.get_by_label(outcome, exact=True).check()
    page.get_by_label("Period").select_option(label="Today")
    _press(page, "button", "Show")
    # Neither empty parameters nor a position.
    assert page.url.endswith("/submissions/?period=today&outcome=rejected&outcome=not_created")
    rows = page.locator("main table tbody tr")
    first = rows.first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= 768  # in view without scrolling
    _press(page, "link", "Duration (change the order)")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Duration")
    expect(rows.first).to_contain_text(f"{NAME}-54")
    _press(page, "link", "Next")
    expect(rows).to_have_count(6)
    _press(page, "link", "Previous")
    expect(rows).to_have_count(50)

    _press(page, "link", "Save as a view")
    page.get_by_label("Name").fill("Failed today")
    page.get_by_label("Supervisor").check()
    page.get_by_label("Open the list with this view").check()
    page.get_by_label("Warn on the start page above").fill("50")
    _press(page, "button", "Save the view")
    expect(page.get_by_role("navigation", name="Saved views").locator("[aria-current]")).to_contain_text(
        "Failed today"
    )
    page.goto("/")
    watched = page.locator("li", has_text="Failed today")
    expect(watched).to_contain_text("56")
    expect(watched).to_contain_text("Above 50")
    expect(watched.locator("svg")).to_have_count(1)
    page.goto("/submissions/")  # opens the default view
    expect(rows.first).to_contain_text(f"{NAME}-54")
    rows.first.get_by_role("link").click()
    _press(page, "link", "Back to Submissions")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Duration")
    _press(page, "link", "All submissions")
    expect(page.get_by_role("link", name="Remove the filter")).to_have_count(0)


def test_sort_links_are_seen_on_a_narrow_screen_while_they_have_the_focus(
    windows: Windows, staff: User
) -> None:
    store(staff, Outcome.CREATED, clean(last_name=NAME))
    page = windows.open(staff, viewport={"width": 320, "height": 800})
    page.goto("/submissions/")
    row = page.locator("main table tbody tr")
    before = row.evaluate(TOP)
    keyboard = Keyboard(page)
    for name, place in (("Time", "first"), ("Duration", "last")):
        link = page.get_by_role("link", name=f"{name} (change the order)")
        keyboard.tab_to(f"thead th:{place}-child a")
        expect(link).to_be_focused()
        assert keyboard.sees_focus()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert row.evaluate(TOP) == before  # the head lies over the row
    with page.expect_navigation():
        keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Duration")
    keyboard.tab_to("main table tbody a")
    assert page.locator("main thead").evaluate("head => head.offsetHeight") == 1


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no_script"])
def test_columns_are_chosen_and_moved(windows: Windows, staff: User, javascript: bool) -> None:
    store(staff, Outcome.CREATED, clean(last_name=NAME), guest_ref="9b7de2a4-6f6d-43b1-8a8e-0d3f2a3b4c5d")
    page = windows.open(staff, javascript=javascript)
    page.goto("/submissions/?outcome=created")
    _press(page, "link", "Columns")
    page.get_by_label("Guest reference").check()
    page.get_by_label("Duration").uncheck()
    page.get_by_role("button", name="Up Outcome").click()
    _press(page, "button", "Save the columns")
    assert page.url.endswith("/submissions/?outcome=created")
    heads = page.locator("thead th")
    expect(heads).to_have_count(5)
    assert [head.split(" (")[0] for head in heads.all_text_contents()] == [
        "Time", "Consumer", "Outcome", "Order", "Guest reference"
    ]  # fmt: skip


@pytest.mark.parametrize("width", [320, 1366])
def test_row_has_the_order_number_beside_the_reference_and_copies_the_whole(
    windows: Windows, staff: User, supervisor: User, width: int
) -> None:
    submission = store(staff, Outcome.CREATED, clean(last_name=NAME), order_number="B4LNDQ-1")
    page = windows.open(
        supervisor,
        viewport={"width": width, "height": 800},
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.add_init_script("navigator.clipboard.writeText = async text => { window.copied = text; };")
    page.goto("/submissions/")
    row = page.locator("main table tbody tr")
    number, reference = row.get_by_text("B4LNDQ-1"), row.get_by_text(f"{submission.order_ref[:8]}…")
    boxes = [place.bounding_box() for place in (number, reference, row)]
    assert all(boxes)
    (left, top), (beside, below), (_start, _top) = ((box["x"], box["y"]) for box in boxes if box)
    if width == 320:
        assert beside >= left  # in the column of values, not in that of labels
    else:
        assert beside > left
        assert abs(below - top) < 10
        assert boxes[2]
        assert boxes[2]["height"] < 60  # one line
    row.get_by_role("button", name="Copy order reference").click()
    expect(row.get_by_role("button")).to_contain_text("Copied")
    assert page.evaluate("window.copied") == submission.order_ref


@pytest.mark.parametrize("width", [320, 1366])
def test_long_order_number_is_broken_only_on_a_narrow_screen(
    windows: Windows, staff: User, width: int
) -> None:
    store(staff, Outcome.CREATED, clean(last_name=NAME), order_number="AMADEUS-PNR-K7QZWM01")
    page = windows.open(staff, viewport={"width": width, "height": 800})
    page.goto("/submissions/")
    number = page.get_by_text("AMADEUS-PNR-K7QZWM01")
    lines = number.evaluate("number => new Set([...number.getClientRects()].map(box => box.top)).size")
    assert lines == 1 or width == 320
    box = number.bounding_box()
    assert box
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("javascript", "width"), [(True, 320), (False, 1366)], ids=["no_clipboard", "no_script"]
)
def test_row_has_the_whole_reference_where_it_cannot_be_copied(
    windows: Windows, staff: User, javascript: bool, width: int
) -> None:
    submission = store(staff, Outcome.CREATED, clean(last_name=NAME), order_number="B4LNDQ-1")
    page = windows.open(staff, javascript=javascript, viewport={"width": width, "height": 800})
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    page.goto("/submissions/")
    order = page.locator("main table tbody tr .references")
    expect(order.get_by_role("button")).to_have_count(0)
    expect(order).to_have_text(f"B4LNDQ-1 {submission.order_ref}", use_inner_text=True)
    box = order.bounding_box()
    assert box
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [320, 1366])
def test_refused_copy_is_said_on_the_button_and_shows_the_whole_reference(
    windows: Windows, staff: User, width: int
) -> None:
    submission = store(staff, Outcome.CREATED, clean(last_name=NAME))
    page = windows.open(staff, viewport={"width": width, "height": 800})
    page.add_init_script("navigator.clipboard.writeText = async () => { throw new Error('refused'); };")
    page.goto("/submissions/")
    order = page.locator("main table tbody tr .references")
    button = order.get_by_role("button", name="order reference")
    button.click()
    expect(button).to_contain_text("The browser did not allow copying. Select the text and copy it.")
    expect(button).to_be_focused()
    expect(order).to_contain_text(submission.order_ref, use_inner_text=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_navigation_of_a_supervisor_is_one_line(windows: Windows, supervisor: User) -> None:
    page = windows.open(supervisor, viewport={"width": 1024, "height": 768})
    page.goto("/submissions/")
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    tops = links.evaluate_all("links => links.map(link => link.getBoundingClientRect().top)")
    assert len(tops) > 4
    assert len(set(tops)) == 1
