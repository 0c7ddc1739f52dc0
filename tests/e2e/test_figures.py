"""The figures in a browser: on one sheet of paper, and with whole numbers at every width."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.consumers.models import Outcome
from tests.e2e.keyboard import Keyboard
from tests.e2e.windows import Windows
from tests.support.history_rows import bare, stored
from tests.support.people import make_person

pytestmark = pytest.mark.e2e

FIGURES = "/submissions/figures/"
NOW = dt.datetime.now(dt.UTC)
REASONS = ("invalid", "not_found", "unauthorized", "rate_limited")
NOT_SENT = ("connect_timeout", "busy", "name_not_resolved", "connect_refused")
PAGE_OBJECT = re.compile(rb"/Type\s*/Page\b")
# The numbers that do not fit into one line.
BROKEN = """() => [...document.querySelectorAll("main .number, main .headline-number, main td")]
  .filter(cell => cell.textContent.trim() && cell.offsetParent)
  .filter(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(box => Math.round(box.bottom / 12))).size > 2;
  }).map(cell => cell.textContent.trim())"""


@pytest.fixture
def team(staff: User, supervisor: User) -> None:
    """Forty-three people, thousands of submissions, every outcome, and eight reasons."""
    people = [staff, supervisor]
    people += [make_person(f"p{number}", "staff", password="") for number in range(41)]
    people[5].name = "Wilhelmina van den Oudenhoven-Hoogstraten"
    people[5].save()
    rows = []
    for number, person in enumerate(people):
        for turn in range(200 if number == 5 else 30):
            at = NOW - dt.timedelta(days=turn % 30, minutes=number)
            failed = turn % 10 == number % 10
            outcome = [*Outcome][(turn + number) % 6] if failed else Outcome.CREATED
            columns: dict[str, object] = {"duration_ms": (turn * number * 37) % 30_000}
            if outcome in (Outcome.NOT_SENT, Outcome.SENDING):
                columns = {}
            if outcome == Outcome.REJECTED:
                columns["error_code"] = REASONS[turn % 4]
            if outcome == Outcome.NOT_SENT:
                columns["error_code"] = NOT_SENT[turn % 4]
            rows.append(bare(person, outcome, at, **columns))
    stored(rows)


def test_figures_of_a_team_are_one_page_of_a4(
    windows: Windows, supervisor: User, team: None, tmp_path: Path
) -> None:
    page = windows.open(supervisor)
    page.goto(FIGURES)
    expect(page.locator(".figures-people tbody tr")).to_have_count(43)
    page.pdf(path=tmp_path / "figures.pdf", format="A4")
    assert len(PAGE_OBJECT.findall((tmp_path / "figures.pdf").read_bytes())) == 1
    page.emulate_media(media="print")
    for words in ("the 30 days directly before", "is not over", "Wilhelmina van den Oudenhoven"):
        expect(page.locator("p, bdi").get_by_text(words).first).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 1024, 1366])
def test_no_number_breaks_and_no_icon_is_underlined(
    windows: Windows, supervisor: User, team: None, width: int
) -> None:
    page = windows.open(supervisor, viewport={"width": width, "height": 800})
    page.goto(FIGURES)
    assert page.evaluate(BROKEN) == []
    page.locator(".axis > span").evaluate_all(
        "all => all.forEach(one => one.textContent = '30 September 2026')"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert _lines_of_icons(page) == {"0px"}
    if width >= 1024:  # no column of the table over time is cut off, no headline number is alone in a line
        assert page.locator(".figures-box").evaluate("box => box.scrollWidth <= box.clientWidth")
        cards = page.locator(".headline-card")
        assert len(set(cards.evaluate_all("all => all.map(one => one.getBoundingClientRect().top)"))) == 1


def test_people_are_sorted_on_a_narrow_screen(windows: Windows, staff: User, supervisor: User) -> None:
    stored([bare(supervisor, Outcome.CREATED, NOW)])
    page = windows.open(supervisor, viewport={"width": 320, "height": 800})
    page.goto(FIGURES)
    for name, first in (("Person", staff.name), ("Submissions", supervisor.name)):
        with page.expect_navigation():
            page.locator(".figures-people thead").get_by_role("link", name=name).click()
        expect(page.locator(".figures-people th[aria-sort]")).to_have_text(name)
        expect(page.locator(".figures-people tbody th").first).to_have_text(first)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_head_of_the_table_over_time_covers_no_link_that_has_the_focus(
    windows: Windows, supervisor: User
) -> None:
    days = range(20)
    rows = [bare(supervisor, outcome, NOW - dt.timedelta(days=day)) for day in days for outcome in Outcome]
    stored(rows)
    page = windows.open(supervisor, viewport={"width": 320, "height": 800})
    page.goto(FIGURES)
    links = page.locator(".figures-table tbody tr > :nth-child(2) a")
    links.last.focus()
    keyboard = Keyboard(page)
    for _ in range((links.count() - 1) * page.locator(".figures-table thead .number").count()):
        keyboard.press("Shift+Tab")
        assert keyboard.sees_focus()
    expect(links.first).to_be_focused()


def test_day_that_is_not_over_is_outlined_in_forced_colours_too(windows: Windows, supervisor: User) -> None:
    stored([bare(supervisor, Outcome.CREATED, NOW - dt.timedelta(days=day)) for day in (0, 1)])
    page = windows.open(supervisor, forced_colors="active")
    page.goto(FIGURES)
    fill = "bar => getComputedStyle(bar).fill"
    finished = page.locator(".strip .bar:not(.bar-incomplete)").first.evaluate(fill)
    assert page.locator(".strip .bar-incomplete").evaluate(fill) != finished


def _lines_of_icons(page: Page) -> set[str]:
    icons = page.locator("main .outcome .icon")
    return set(icons.evaluate_all("all => all.map(one => getComputedStyle(one).borderBottomWidth)"))
