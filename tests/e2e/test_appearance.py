"""The appearance in forced colours, on paper, and while a page loads."""

from __future__ import annotations

import datetime as dt
import re
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Locator, Page, Route, expect

from apps.accounts.models import User
from apps.consumers.models import Outcome
from sandbox.server.sandbox_server import SandboxServer
from tests.e2e.layout_shift import moved, shifted, watch_shifts
from tests.e2e.pages import WHOLE, create, open_form
from tests.e2e.windows import Windows
from tests.e2e.world import World
from tests.support.history_rows import bare, stored
from tests.support.scripted_servers import Peer, Serve, answer
from tests.support.scripted_servers import serve as serve  # noqa: PLC0414  # a fixture is used by being in this module

pytestmark = pytest.mark.e2e

TIMEOUT = 30.0  # seconds
MOST = 0.02  # Cumulative Layout Shift
PAINTED = """() => new Promise(resolve => {
  const seen = list => { if (list.getEntriesByName("first-contentful-paint").length) resolve(); };
  new PerformanceObserver(seen).observe({ type: "paint", buffered: true });
})"""
IS_PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"
PAGE_OBJECT = re.compile(rb"/Type\s*/Page\b")


def _picture(place: Locator) -> bytes:
    return place.screenshot(animations="disabled", caret="hide")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_the_selection_visible(windows: Windows, staff: User, scheme: str) -> None:
    page = windows.open(staff, color_scheme=scheme, forced_colors="active")
    open_form(page)
    radios = page.locator("[name=gender]")
    chosen, other = _picture(radios.nth(0)), _picture(radios.nth(1))
    radios.nth(1).evaluate("radio => { radio.checked = true; }")
    assert _picture(radios.nth(0)) != chosen
    assert _picture(radios.nth(1)) != other
    radios.nth(0).evaluate("radio => { radio.checked = true; }")
    assert (_picture(radios.nth(0)), _picture(radios.nth(1))) == (chosen, other)

    current = page.locator("nav [aria-current=page]")
    marked = _picture(current)
    current.evaluate("link => link.removeAttribute('aria-current')")
    current = page.get_by_role("link", name="New order consumer").first
    current.evaluate("link => { link.style.fontWeight = 650; }")  # weight is not the only difference
    assert _picture(current) != marked


def test_labels_of_radio_buttons_stay_on_one_line_in_an_error(windows: Windows, staff: User) -> None:
    page = windows.open(staff)
    open_form(page)
    labels, heights = page.locator("[name=gender] ~ label"), "labels => labels.map(one => one.offsetHeight)"
    usual = labels.evaluate_all(heights)
    assert len(usual) > 2
    page.locator("[name=gender]").evaluate_all("radios => radios.map(one => one.classList.add('is-invalid'))")
    assert labels.evaluate_all(heights) == usual


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_the_direction_of_a_sorted_column_visible(
    windows: Windows, staff: User, supervisor: User, scheme: str
) -> None:
    stored([bare(staff, Outcome.CREATED, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), duration_ms=4)])
    page = windows.open(supervisor, color_scheme=scheme, forced_colors="active")
    page.goto("/submissions/figures/")
    head, mark = page.locator(".figures-people th[aria-sort=descending]"), page.locator(".sorted-descending")
    down = _picture(head)
    mark.evaluate("mark => { mark.className = 'sorted sorted-ascending'; }")
    up = _picture(head)
    page.locator(".sorted-ascending").evaluate("mark => { mark.style.visibility = 'hidden'; }")
    assert len({down, up, _picture(head)}) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_of_chosen_controls_have_the_colour_of_texts_on_their_background(
    windows: Windows, staff: User, scheme: str
) -> None:
    page = windows.open(staff, color_scheme=scheme)
    page.goto("/submissions/")
    page.locator("summary", has_text="Filters").click()
    box = page.get_by_label("Rejected", exact=True)
    box.check()
    _expect_mark_on_accent(box)
    open_form(page)
    _expect_mark_on_accent(page.locator("[name=gender]:checked"))


def _expect_mark_on_accent(control: Locator) -> None:
    mark, text = control.evaluate("""control => {
      const style = getComputedStyle(control);
      return [style.backgroundImage, style.getPropertyValue("--on-accent")]; }""")
    assert f"='{text.replace('#', '%23')}'" in mark


def test_page_is_painted_once_it_has_arrived_whole(
    windows: Windows, staff: User, sandbox: SandboxServer, serve: Serve
) -> None:
    """The columns of a painted table move with every row that arrives."""
    World(staff, staff)
    page = windows.open(staff, viewport={"width": 1280, "height": 900})
    whole = page.request.get("/submissions/").body()
    rest, directly = threading.Event(), urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            if request.target != "/":  # styles and scripts
                with directly.open(windows.portal + request.target) as file:
                    kind = {"Content-Type": file.headers["Content-Type"]}
                    peer.send(answer(200, raw=file.read(), headers=kind))
                continue
            response = answer(200, raw=whole, headers={"Content-Type": "text/html; charset=utf-8"})
            middle = response.rindex(b"<tr")
            peer.send(response[:middle])
            rest.wait(TIMEOUT)
            peer.send(response[middle:])

    watch_shifts(page)
    page.goto(serve(script).url, wait_until="commit")
    page.wait_for_selector("tbody tr", state="attached")
    with suppress(Error):
        page.wait_for_function(IS_PAINTED, polling=20, timeout=1_000)
    assert not page.evaluate(IS_PAINTED)
    rest.set()
    page.wait_for_function(IS_PAINTED, polling=20)
    page.wait_for_load_state()
    assert shifted(page) <= MOST


@pytest.mark.parametrize("width", [1280, 320])
def test_no_layout_shift_when_scripts_load_after_the_first_paint(
    windows: Windows, staff: User, supervisor: User, sandbox: SandboxServer, width: int
) -> None:
    world = World(staff, supervisor)
    page = windows.open(supervisor, viewport={"width": width, "height": 900}, reduced_motion="no-preference")
    watch_shifts(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    for address in (
        f"/submissions/{world.created.public_id}/",
        f"/order-consumers/{world.created.consumer_ref}/",
        "/consumers/new/",
        "/submissions/?since=1+1+2026",
    ):
        held.clear()
        page.route("**/js/portal*.js", hold, times=1)
        with page.expect_request("**/js/portal*.js"):
            page.goto(address, wait_until="commit")
        page.evaluate(PAINTED)
        held[0].continue_()
        page.wait_for_load_state()
        expect(page.locator(".needs-script:visible").first).to_be_hidden()
        assert shifted(page) <= MOST, f"{address}: {moved(page)}"
        expect(page.locator(".needs-script")).to_have_count(0)


def test_full_receipt_is_one_page_of_a4_and_a_table(
    windows: Windows, staff: User, sandbox: SandboxServer, tmp_path: Path
) -> None:
    page = windows.open(staff)
    create(page, WHOLE)
    link = page.locator("a[href*='/v2.1/orderConsumers/']")
    expect(link).to_be_visible()
    page.pdf(path=tmp_path / "receipt.pdf", format="A4")
    assert len(PAGE_OBJECT.findall((tmp_path / "receipt.pdf").read_bytes())) == 1
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 without its margins
    row = page.get_by_role("row").filter(has_text="Last name")
    heights = {cell.bounding_box()["y"] for cell in row.locator("th, td").all()}  # type: ignore[index]
    assert len(heights) == 1  # side by side
    expect(link).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_vendor_links_are_shown_unchanged_and_open_in_a_new_tab(
    windows: Windows, staff: User, sandbox: SandboxServer
) -> None:
    page = windows.open(staff)
    submission = create(page)
    for href in (submission.consumer_href, submission.order_href, submission.guest_href):
        _expect_vendor_link(page, href)
    page.goto(f"/order-consumers/{submission.consumer_ref}/")
    _expect_vendor_link(page, submission.consumer_href)


def _expect_vendor_link(page: Page, href: str) -> None:
    link = page.locator(f'a[href="{href}"]')
    expect(link).to_have_text(f"{href} (opens in a new tab)")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noreferrer noopener")
    expect(page.locator("dd", has=link)).to_contain_text("asks for API credentials")
