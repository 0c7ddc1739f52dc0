"""Checks of every page in a browser. A new address without a page in ``every_page/`` fails."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Response

from apps.accounts.models import User
from tests.e2e.every_page import accounts, administration, form, lists, orders, submissions
from tests.e2e.every_page.checks import MAX_SHIFTED, WIDE, broken_promises
from tests.e2e.layout_shift import leaving_out_shifts, moved, shifted, watch_shifts
from tests.e2e.windows import Windows
from tests.e2e.world import World
from tests.support.people import make_person

pytestmark = pytest.mark.e2e

PAGES = {
    "accounts": accounts.PAGES,
    "form": form.PAGES,
    "submissions": submissions.PAGES,
    "lists": lists.PAGES,
    "orders": orders.PAGES,
    "administration": administration.PAGES,
}
# Addresses that show no page of their own.
NO_PAGE = {
    "healthz": "plain text for machines",
    "readyz": "plain text for machines",
    "audit:proof": "a file",
    "privacy:access_file": "a file",
    "history:export_file": "a file",
    "batches:template": "a file",
    "batches:result": "a file",
    "batches:progress": "a part of a page, checked in test_batches.py",
    "batches:check": "leads back to the list",
    "batches:leave_out": "leads back to the list",
    "batches:take_back": "leads back to the list",
    "batches:confirm": "leads back to the list",
    "batches:pause": "leads back to the list",
    "batches:resume": "leads back to the list",
    "batches:stop": "leads back to the list",
    "batches:send_again": "leads back to the list",
    "batches:make_new_list": "leads to the new list",
    "history:delete_view": "leads back to the views",
    "history:export_progress": "a part of a page",
    "history:export_cancel": "leads back to the export",
    "history:export_again": "leads to an export or its form",
    "extend_session": "an answer to a script",
    "components": "checked in test_gallery.py",
    "consumers:phone_reading": "answers a script",
    "consumers:set_shortcuts": "answers a script",
    "consumers:save_draft": "answers a script",
    "consumers:discard_draft": "leads back to the start page",
    "consumers:order_panel": "a part of a page, checked in test_order_beside_form.py",
    "consumers:check_now": "leads back to the receipt",
    "consumers:take": "leads back to the receipt",
    "consumers:release": "leads back to the receipt",
    "history:figures_file": "a file",
    "consumers:move_identity_rule": "leads back to the list",
    "consumers:restore_identity_rule": "leads back to the list",
    "sign_out_elsewhere": "leads back to one's account",
    "accounts:sign_out_everywhere": "leads back to the person",
    "accounts:issue_password_link": "leads to the links",
    "accounts:grant_role": "leads back to the person",
    "accounts:revoke_role": "leads back to the person",
    "accounts:reactivate": "leads back to the person",
    "accounts:unlock_sign_in": "leads back to the person",
}


@pytest.fixture
def world(windows: Windows, staff: User, supervisor: User) -> World:
    return World(staff, supervisor)


@pytest.mark.parametrize(
    ("subject", "who"),
    sorted({(subject, seen.who) for subject, pages in PAGES.items() for seen in pages}),
)
def test_every_page_passes_the_page_checks(
    windows: Windows, world: World, subject: str, who: str, administrator: User, supervisor: User
) -> None:
    people = {
        "nobody": None,
        "without a role": make_person("wanda"),
        "staff": world.staff,
        "supervisor": supervisor,
        "auditor": make_person("ari", "auditor"),
        "administrator": administrator,
    }
    page = windows.open(people[who], viewport=WIDE, reduced_motion="reduce")
    watch_shifts(page)
    documents: list[Response] = []
    page.on("response", lambda answer: documents.append(answer) if _is_document(answer) else None)
    broken: list[str] = []
    for seen in PAGES[subject]:
        if seen.who == who:
            seen.steps(page, world)
            broken += [f"{seen}: {promise}" for promise in broken_promises(page, documents[-1].text())]
    assert broken == []


BROKEN = """<!doctype html><html lang=en><title>Broken</title><script>1</script>
<main><h1 onclick="1">One</h1><h1>Two</h1>
<button style="width: 9px; height: 9px; padding: 0" aria-label=a></button>
<button style="width: 9px; height: 9px; padding: 0" aria-label=b></button>
<p style="color: #bbb; background: #fff">Hardly to be read</p><div style="width: 900px">wide</div>
<input aria-label=a maxlength=9></main>"""
MOVE = """() => new Promise(resolve => requestAnimationFrame(() => setTimeout(() => {
  document.querySelector("h1").style.paddingTop = "400px";
  resolve();
})))"""


def test_page_checks_can_fail(windows: Windows) -> None:
    page = windows.open(viewport=WIDE)
    watch_shifts(page)
    page.goto("about:blank")
    page.set_content(BROKEN)
    page.evaluate(MOVE)
    broken = " ".join(broken_promises(page, BROKEN))
    for problem in (
        "inline script",
        "onclick at h1",
        "style at p",
        "2 headings",
        "light: color-contrast",
        "target-size",
        "the title is Broken",
    ):
        assert problem in broken
    assert "dark: color-contrast" in broken
    assert "things moved by" in broken
    assert "1 fields whose text the browser cuts" in broken
    assert "px wide at 320 px" in broken


def test_answers_to_input_are_no_shift_however_late_they_come(windows: Windows) -> None:
    page = windows.open(viewport=WIDE)
    watch_shifts(page)
    page.goto("about:blank")
    page.set_content(BROKEN)
    with leaving_out_shifts(page):
        page.evaluate(MOVE)
    assert (shifted(page), moved(page)) == (0, [])
    page.evaluate(MOVE.replace("400px", "100px"))
    before = shifted(page)
    assert before > MAX_SHIFTED
    with leaving_out_shifts(page):
        page.evaluate(MOVE)
    assert shifted(page) == before


def test_every_address_has_a_page_or_a_documented_reason() -> None:
    here = {seen.name for pages in PAGES.values() for seen in pages} | {*NO_PAGE}
    there = set(_names(get_resolver().url_patterns))
    assert there - here == set()
    assert here - there == {"(403)", "(404)"}


def _names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _names(pattern.url_patterns, inner)
        else:
            yield f"{namespace}{pattern.name}"


def _is_document(answer: Response) -> bool:
    """Whether the response is a page, opened by the browser or by a form that was sent by script."""
    is_page = answer.request.is_navigation_request() or "portal-form" in answer.request.headers
    return is_page and answer.status != HTTPStatus.NO_CONTENT and answer.status not in range(300, 400)
