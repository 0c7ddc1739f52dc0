"""The form of one consumer, with its drafts, warnings and pasted texts."""

from __future__ import annotations

import uuid

from django.test import override_settings
from playwright.sync_api import Page, expect

from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from sandbox.data.seed import FAMILY_ORDER, GROUP_ORDER, SAMPLE_ORDER, TRIPLE_REFERENCE_ID
from tests.e2e.every_page.seen import Seen, Steps, after, at
from tests.e2e.layout_shift import leaving_out_shifts
from tests.e2e.pages import SIMPLE, Typed, expect_phones_read, fill_entry, press_create, press_create_anyway
from tests.e2e.traces import TYPED
from tests.e2e.world import World
from tests.support.travel_documents import SPECIMEN


def save_drafts(world: World) -> uuid.UUID:
    """Two drafts; returns the id of one."""
    marks = [DraftMark(uuid.uuid4(), uuid.uuid4(), 0, 1) for _ in range(2)]
    typed = {"order_ref": SAMPLE_ORDER, "first_name": TYPED["draft first name"]}
    for mark in marks:
        drafts.save(mark, typed, person_id=world.staff.pk)
    return marks[0].public_id


def _drafts_listed(page: Page, world: World) -> None:
    save_drafts(world)
    page.goto("/")
    page.get_by_role("heading", name="Drafts").wait_for()
    with leaving_out_shifts(page):
        page.locator(".draft-actions summary").first.click()
        page.get_by_role("button", name="Discard draft").first.wait_for()


def _draft_opened(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?draft={save_drafts(world)}")
    _expect_order(page)
    with leaving_out_shifts(page):
        page.locator("#id_last_name").fill(TYPED["draft last name"])
        page.get_by_text("Draft saved").wait_for()


def _next_traveller(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?order={world.created.order_ref}&like={world.created.public_id}")
    _expect_order(page)
    with leaving_out_shifts(page):
        page.locator(".carry-over summary").click()
        page.locator(".carry-over fieldset").first.wait_for()


def _shortcuts(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    page.locator("dialog[data-shortcuts]").evaluate("dialog => dialog.showModal()")


def _order_shown(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?order={GROUP_ORDER}")
    page.get_by_text("14 consumers", exact=True).wait_for()  # the announcement has it, too


def _order_to_choose(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    with leaving_out_shifts(page):
        page.get_by_label("Order", exact=True).fill(TRIPLE_REFERENCE_ID)
        page.get_by_label("Order", exact=True).press("Tab")
        # The announcement has it, too.
        page.get_by_role("group", name="3 orders have the number").wait_for()


def _copied(page: Page, world: World) -> None:
    """Details of a consumer on the order, one of which another value was entered for."""
    _order_shown(page, world)
    page.locator("#id_last_name").fill(TYPED["last name"])
    with page.expect_navigation():
        page.get_by_role("button", name="Copy details").first.click()


def _latest_entries(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    with page.expect_navigation():
        page.get_by_role("button", name="Show your latest submissions").click()


def _with_rows(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    with leaving_out_shifts(page):
        for button in ("email address", "phone number", "identifier"):
            page.get_by_role("button", name=f"Add another {button}").click()


def _expect_order(page: Page) -> None:
    """Wait for the order beside the form, which a script asks for."""
    expect(page.get_by_role("region", name="The order")).to_contain_text("Read from Sitecore CDP")


def _type_in(page: Page, typed: Typed) -> None:
    with leaving_out_shifts(page):
        fill_entry(page, typed)
        expect_phones_read(page, typed)
        _expect_order(page)


def _warned(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    typed = SIMPLE.but(emails=(), born="1 1 1890", phones=(TYPED["desk"], "087 123 4567"))
    _type_in(page, typed)
    with page.expect_navigation():
        press_create(page)


def _similar(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    _type_in(page, SIMPLE.but(order=FAMILY_ORDER, last_name="Lindquist", first_name="Sven", born="20 1 1968"))
    with override_settings(CDP_RECONCILIATION=True), page.expect_navigation():
        press_create(page)


def _without_reason(page: Page, world: World) -> None:
    _similar(page, world)
    with override_settings(CDP_RECONCILIATION=True), page.expect_navigation():
        press_create_anyway(page)


def _identical(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?from={world.rejected.public_id}")
    with leaving_out_shifts(page):
        page.get_by_label("Order", exact=True).fill(world.unknown.order_ref)
        page.get_by_label("Order", exact=True).press("Tab")
        _expect_order(page)
    with page.expect_navigation():
        press_create(page)


def _used(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    _type_in(page, SIMPLE)
    page.locator("[name=token]").evaluate(
        "(field, token) => { field.value = token; }", str(world.created.token)
    )
    with page.expect_navigation():
        press_create(page)


def _pasted(text: str, button: str = "Read") -> Steps:
    """The form with a pasted text, after the last of these buttons of the box."""

    def steps(page: Page, world: World) -> None:
        page.goto("/consumers/new/")
        page.get_by_label("Last name").fill(f"Typed {TYPED['before a paste']}")
        with leaving_out_shifts(page):
            page.locator(".paste > summary").click()
            page.locator("#id_paste_text").fill(text)
        page.get_by_role("button", name="Read").click()
        if button != "Read":
            page.get_by_role("button", name=button).click()
        page.get_by_text("Not filled in:" if button == "Fill in" else "Discard").first.wait_for()

    return steps


PAGES = [
    Seen("start", "staff", _drafts_listed, "with drafts"),
    Seen("consumers:new", "staff", _draft_opened, "with a draft beside another"),
    at("consumers:new", "staff", "/consumers/new/"),
    Seen("consumers:new", "staff", _next_traveller, "for the next traveller"),
    Seen("consumers:new", "staff", _shortcuts, "with the list of shortcuts"),
    Seen("consumers:new", "staff", _order_shown, "with the order"),
    Seen("consumers:new", "staff", _order_to_choose, "with orders to choose from"),
    Seen("consumers:new", "staff", _copied, "with copied details"),
    Seen("consumers:new", "staff", _latest_entries, "with the latest submissions"),
    Seen("consumers:new", "staff", _with_rows, "with rows added"),
    after("consumers:new", "staff", "/consumers/new/", "Create consumer", "with errors"),
    Seen("consumers:new", "staff", _warned, "with a warning"),
    Seen("consumers:new", "staff", _without_reason, "with a similar consumer, without the reason"),
    Seen("consumers:new", "staff", _identical, "identical to an unknown one"),
    Seen("consumers:new", "staff", _used, "used before"),
    at("consumers:new", "staff", "/consumers/new/?from={world.refused.public_id}", "after a 401"),
    at("consumers:new", "staff", "/consumers/new/?from={world.not_created.public_id}", "not created"),
    Seen("consumers:new", "staff", _pasted(SPECIMEN.replace("2F120", "3F120")), "with a pasted MRZ"),
    Seen("consumers:new", "staff", _pasted(f"ARG\t{TYPED['a column']}\tMr"), "with a pasted row"),
    Seen("consumers:new", "staff", _pasted(SPECIMEN[:-1]), "with an unreadable MRZ"),
    Seen("consumers:new", "staff", _pasted(SPECIMEN, "Fill in"), "filled in"),
]
