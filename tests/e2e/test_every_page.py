"""Checks of every page in a browser: accessibility rules, light and dark, narrow, no inline code.

:data:`PAGES` names each page once, with the person who sees it. A new address without a page here fails.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from http import HTTPStatus

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Page, Response, Route, ViewportSize

from apps.accounts.models import User
from apps.batches.models import Batch, BatchState, OwnState, PauseReason
from apps.batches.sending import control
from apps.cdp.factory import get_client
from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from apps.history.models import Export, SavedView, State
from sandbox.data.seed import FAMILY_ORDER, GROUP_ORDER, SAMPLE_ORDER, TRIPLE_REFERENCE_ID
from sandbox.data.seed_guests import GUEST_WITH_PROFILE, SHARED_EMAIL
from tests.e2e.layout_shift import moved, shifted, watch_shifts
from tests.e2e.pages import SIMPLE, fill_entry, press_create, press_create_anyway
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.e2e.world import World
from tests.support.batch_sending import checked_batch, confirmed_batch, people, take_turn
from tests.support.export_rows import stored
from tests.support.people import acting, make_person
from tests.support.travel_documents import SPECIMEN

pytestmark = pytest.mark.e2e

NARROW: ViewportSize = {"width": 320, "height": 640}
WIDE: ViewportSize = {"width": 1280, "height": 900}
MAX_SHIFTED = 0.02  # Cumulative Layout Shift
# The whole result of axe is large; only these two values are transferred.
RUN_AXE = """async options => (await axe.run(options)).violations
    .flatMap(({id, nodes}) => nodes.map(({html}) => [id, html]))"""
# axe leaves out the rules of WCAG 2.2 by default: targets of 24 by 24 pixels, or with space around them.
ALL_RULES = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
TITLE = re.compile(r"(Error: )?\S.* – Consumer Portal – Practice – nothing reaches Sitecore CDP")
# Dark changes only colours.
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}

Steps = Callable[[Page, World], object]


@dataclass(frozen=True)
class Seen:
    """How to reach a page: the name of its address, the person, and the steps."""

    name: str
    who: str
    steps: Steps
    what: str = ""

    def __str__(self) -> str:
        return f"{self.who}: {self.name} {self.what}".strip()


def at(name: str, who: str, address: str, what: str = "") -> Seen:
    """A page that is opened by its address; words in braces come from the world."""
    return Seen(name, who, lambda page, world: page.goto(address.format(world=world)), what)


def after(name: str, who: str, address: str, button: str, what: str) -> Seen:
    """The page after a button of the address has been pressed."""

    def steps(page: Page, world: World) -> None:
        page.goto(address.format(world=world))
        with page.expect_navigation():
            page.get_by_role("button", name=button).last.click()

    return Seen(name, who, steps, what)


def _warned(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    fill_entry(page, SIMPLE.but(emails=(), born="1 1 1890", phones=(TYPED["desk"], "087 123 4567")))
    with page.expect_navigation():
        press_create(page)


def _save_drafts(world: World) -> uuid.UUID:
    """Two drafts; returns the id of one."""
    marks = [DraftMark(uuid.uuid4(), uuid.uuid4(), 0, 1) for _ in range(2)]
    typed = {"order_ref": SAMPLE_ORDER, "first_name": TYPED["draft first name"]}
    for mark in marks:
        drafts.save(mark, typed, person_id=world.staff.pk)
    return marks[0].public_id


def _drafts_listed(page: Page, world: World) -> None:
    _save_drafts(world)
    page.goto("/")
    page.get_by_role("heading", name="Drafts").wait_for()
    page.locator(".draft-actions summary").first.click()


def _draft_opened(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?draft={_save_drafts(world)}")
    page.locator("#id_last_name").fill(TYPED["draft last name"])
    page.get_by_text("Draft saved").wait_for()


def _empty_note(page: Page, world: World) -> None:
    page.goto(f"/submissions/{world.unknown.public_id}/")
    page.get_by_role("button", name="I have this").click()
    page.locator("summary", has_text="Add a note").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Save note").click()


def _guests_found(page: Page, world: World) -> None:
    page.goto("/guests/")
    page.get_by_label("Email address").fill(SHARED_EMAIL)
    with page.expect_navigation():
        page.get_by_role("button", name="Find guest").click()


def _order_shown(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?order={GROUP_ORDER}")
    page.get_by_text("14 consumers", exact=True).wait_for()  # the announcement has it, too


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


def _order_to_choose(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    page.get_by_label("Order", exact=True).fill(TRIPLE_REFERENCE_ID)
    page.get_by_label("Order", exact=True).press("Tab")
    page.get_by_role("group", name="3 orders have the number").wait_for()  # the announcement has it, too


def _similar(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    fill_entry(
        page, SIMPLE.but(order=FAMILY_ORDER, last_name="Lindquist", first_name="Sven", born="20 1 1968")
    )
    with override_settings(CDP_RECONCILIATION=True), page.expect_navigation():
        press_create(page)


def _without_reason(page: Page, world: World) -> None:
    _similar(page, world)
    with override_settings(CDP_RECONCILIATION=True), page.expect_navigation():
        press_create_anyway(page)


def _identical(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?from={world.rejected.public_id}")
    page.get_by_label("Order", exact=True).fill(world.unknown.order_ref)
    with page.expect_navigation():
        press_create(page)


def _used(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    fill_entry(page, SIMPLE)
    page.locator("[name=token]").evaluate(
        "(field, token) => { field.value = token; }", str(world.created.token)
    )
    with page.expect_navigation():
        press_create(page)


def _sending(page: Page, world: World) -> None:
    """The page without its refresh header, which would reload it every three seconds during the checks."""

    def hold_still(route: Route) -> None:
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
        assert len(headers) < len(answer.headers)
        route.fulfill(response=answer, headers=headers)

    address = f"/submissions/{world.sending.public_id}/"
    page.route(f"**{address}", hold_still, times=1)
    page.goto(address)


def _enter_as_created(page: Page, world: World) -> None:
    page.goto(f"/submissions/{world.unknown.public_id}/")
    [consumer] = get_client().observe_order_consumers(world.unknown.order_ref).refs
    page.get_by_label("Consumer reference").fill(consumer)
    page.locator("#id_created-reason").select_option("seen_in_cdp")
    page.locator("#id_created-note").fill(f"About {TYPED['compared']}")


def _mark_as_created(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Mark as created").click()


def _compared(page: Page, world: World) -> None:
    _enter_as_created(page, world)
    with override_settings(CDP_RECONCILIATION=True):
        _mark_as_created(page)
    page.get_by_role("columnheader", name="In Sitecore CDP").wait_for()


def _not_read(page: Page, world: World) -> None:
    _enter_as_created(page, world)
    _mark_as_created(page)
    _mark_as_created(page)
    page.get_by_role("link", name="Confirm that you compared it in Sitecore CDP").wait_for()


def _too_late(page: Page, world: World) -> None:
    _enter_as_created(page, world)
    page.locator("[name=seen]").first.evaluate("field => { field.value = 'another'; }")
    _mark_as_created(page)
    page.get_by_text("Your resolution was not saved:").wait_for()


def _export_with_errors(page: Page, world: World) -> None:
    page.goto("/submissions/export/")
    page.get_by_label("Time zone").fill("Mars/Base")
    with page.expect_navigation():
        page.get_by_role("button", name="Prepare export").last.click()


def _exported(state: State) -> Steps:
    """The page of an export in that state; of a running one without the refresh header."""

    def steps(page: Page, world: World) -> None:
        page.route("**/progress/", lambda route: route.fulfill(body=""))
        Export.objects.filter(slot__isnull=False).delete()
        export = stored(
            User.objects.get(username="sue"), state, rows=3, rows_expected=9, bytes=90, bytes_sent=30
        )
        page.goto(f"/submissions/exports/{export.public_id}/")

    return steps


def _export_with_note() -> Export:
    """A finished export of personal data with a search and a note."""
    Export.objects.filter(slot__isnull=False).delete()
    export = stored(
        User.objects.get(username="sue"),
        State.FINISHED,
        rows=1234,
        bytes=90_000,
        personal=True,
        reason="complaint",
        format="xlsx",
        filters=[["Last 30 days", ""], ["Outcome", "Created"], ["Last name", "matches a search"]],
    )
    export.set_note("A note")
    export.save(update_fields=["encrypted_note"])
    return export


def _past_exports(page: Page, world: World) -> None:
    _export_with_note()
    for state in (State.FAILED, State.CANCELLED, State.RUNNING):
        stored(User.objects.get(username="sue"), state, rows=3)
    page.goto("/submissions/exports/")


def _export_of_another(page: Page, world: World) -> None:
    page.goto(f"/submissions/exports/{_export_with_note().public_id}/")


def _asked_whether_still_there(page: Page, world: World) -> None:
    """The dialog that appears two minutes before the session ends."""
    page.goto("/accounts/profile/")
    page.locator("dialog[data-session]").evaluate("dialog => dialog.showModal()")


def _with_rows(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    for button in ("email address", "phone number", "identifier"):
        page.get_by_role("button", name=f"Add another {button}").click()


def _next_traveller(page: Page, world: World) -> None:
    page.goto(f"/consumers/new/?order={world.created.order_ref}&like={world.created.public_id}")
    page.locator(".carry-over summary").click()


def _shortcuts(page: Page, world: World) -> None:
    page.goto("/consumers/new/")
    page.locator("dialog[data-shortcuts]").evaluate("dialog => dialog.showModal()")


def _pasted(text: str, button: str = "Read") -> Steps:
    """The form with a pasted text, after the last of these buttons of the box."""

    def steps(page: Page, world: World) -> None:
        page.goto("/consumers/new/")
        page.get_by_label("Last name").fill(f"Typed {TYPED['before a paste']}")
        page.locator(".paste > summary").click()
        page.locator("#id_paste_text").fill(text)
        page.get_by_role("button", name="Read").click()
        if button != "Read":
            page.get_by_role("button", name=button).click()
        page.get_by_text("Not filled in:" if button == "Fill in" else "Discard").first.wait_for()

    return steps


RECEIPT = "consumers:receipt"


def _invited(table: str) -> Steps:
    def steps(page: Page, world: World) -> None:
        page.goto("/people/invite/")
        page.get_by_label("Table of people").fill(table)
        with page.expect_navigation():
            page.get_by_role("button", name="Check the table").click()

    return steps


def _rule_to_remove(page: Page, world: World) -> None:
    page.goto("/identity-rules/")
    with page.expect_navigation():
        page.get_by_role("link", name="Remove Loyalty").click()


def _rule_removed(page: Page, world: World) -> None:
    _rule_to_remove(page, world)
    with page.expect_navigation():
        page.get_by_role("button", name="Remove Loyalty").click()


def _list_uploaded(table: str, then: str = "") -> Steps:
    """The page after a table was pasted, or after the button ``then`` of that page."""

    def steps(page: Page, world: World) -> None:
        page.goto(f"/batches/new/?order={SAMPLE_ORDER}")
        page.get_by_label("Paste a table").fill(table)
        with page.expect_navigation():
            page.get_by_role("button", name="Read the table").click()
        if then:
            with page.expect_navigation():
                page.get_by_role("button", name=then).click()

    return steps


def _list(address: str, *, sent: int, state: BatchState = BatchState.SENDING) -> Steps:
    """The page of a list of three people, of whom this many were sent."""

    def steps(page: Page, world: World) -> None:
        others = 10 * Batch.objects.count()  # nobody is in two lists
        batch = confirmed_batch(world.staff, people(3, first=others))
        for _ in range(sent):
            take_turn(batch)
        if state == BatchState.PAUSED:
            Batch.objects.filter(pk=batch.pk).update(
                state=state, pause_reason=PauseReason.SEVERAL_UNKNOWN, due_at=None
            )
        if state == BatchState.STOPPED:
            control.stop(batch, actor=acting(world.staff))
        page.goto(f"/batches/{batch.public_id}/{address}")

    return steps


def _list_with_warnings(page: Page, world: World) -> None:
    _list_uploaded(TWINS)(page, world)
    with page.expect_navigation():
        page.get_by_role("button", name="Confirm the ticked warnings").click()


def _row_with_errors(page: Page, world: World) -> None:
    _list_uploaded(FAULTY)(page, world)
    page.get_by_role("link", name="Correct the first row").click()


def _row_sent_already(page: Page, world: World) -> None:
    batch = checked_batch(world.staff, people(1, first=900))
    batch.rows.update(state=OwnState.ALREADY_SENT, earlier=world.created.public_id)
    page.goto(f"/batches/{batch.public_id}/rows/2/")
    with page.expect_navigation():
        page.get_by_role("button", name="Make this row ready to be sent again").click()


PERSON = f"Aoife\tNí {TYPED['listed last name']}\t1980-02-03\t{TYPED['listed mailbox']}@example.com"
LISTED = f"First name\tLast name\tDate of birth\tEmail\n{PERSON}"
TWINS = f"{LISTED}\n{PERSON.replace('@', '.2@')}"
FAULTY = f"{LISTED}\nBen\t\t1980-13-03\tnobody"
ASKED = LISTED.replace("Last name", "Zwxy").replace("1980-02-03", "03/02/1980")


def _with_view(address: str) -> Steps:
    def steps(page: Page, world: World) -> None:
        view, _made = SavedView.objects.get_or_create(
            name="Rejected",
            role="supervisor",
            defaults={"query": {"period": ["all"]}, "columns": [], "warn_above": 0},
        )
        page.goto(address.format(view=view.public_id))

    return steps


PAGES = [
    at("account_login", "nobody", "/accounts/login/"),
    after("account_login", "nobody", "/accounts/login/", "Sign in", "with errors"),
    at("password_link", "nobody", "{world.link}"),
    after("password_link", "nobody", "{world.link}", "Set password", "with errors"),
    at("password_link", "nobody", "/accounts/set-password/MQ/used-up/", "used up"),
    at("(404)", "nobody", "/no-such-page/"),
    at("start", "staff", "/"),
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
    Seen("consumers:new", "staff", _similar, "with a similar consumer"),
    Seen("consumers:new", "staff", _without_reason, "without the reason"),
    Seen("consumers:new", "staff", _identical, "identical to an unknown one"),
    Seen("consumers:new", "staff", _used, "used before"),
    at("consumers:new", "staff", "/consumers/new/?from={world.rejected.public_id}", "after a 404"),
    at("consumers:new", "staff", "/consumers/new/?from={world.refused.public_id}", "after a 401"),
    at("consumers:new", "staff", "/consumers/new/?from={world.not_created.public_id}", "not created"),
    Seen("consumers:new", "staff", _pasted(SPECIMEN.replace("2F120", "3F120")), "with a pasted MRZ"),
    Seen("consumers:new", "staff", _pasted(f"ARG\t{TYPED['a column']}\tMr"), "with a pasted row"),
    Seen("consumers:new", "staff", _pasted(SPECIMEN[:-1]), "with an unreadable MRZ"),
    Seen("consumers:new", "staff", _pasted(SPECIMEN, "Fill in"), "filled in"),
    at("history:submissions", "staff", "/submissions/"),
    at(RECEIPT, "staff", "/submissions/{world.created.public_id}/", "created"),
    at(RECEIPT, "staff", "/submissions/{world.rejected.public_id}/", "rejected"),
    at(RECEIPT, "staff", "/submissions/{world.unknown.public_id}/", "unknown"),
    at(RECEIPT, "staff", "/submissions/{world.not_created.public_id}/", "not created"),
    Seen(RECEIPT, "staff", _sending, "sending"),
    at("batches:batches", "staff", "/batches/", "without a list"),
    at("batches:new", "staff", f"/batches/new/?order={SAMPLE_ORDER}"),
    after("batches:new", "staff", "/batches/new/", "Read the table", "with errors"),
    Seen("batches:columns", "staff", _list_uploaded(ASKED), "to be chosen"),
    Seen("batches:columns", "staff", _list_uploaded(ASKED, "Check the rows"), "with errors"),
    Seen("batches:batch", "staff", _list_uploaded(LISTED), "ready"),
    Seen("batches:batch", "staff", _list_uploaded(FAULTY), "with errors"),
    Seen("batches:accept", "staff", _list_with_warnings, "with warnings"),
    Seen("batches:row", "staff", _row_with_errors, "with errors"),
    Seen("batches:release", "staff", _row_sent_already, "sent already"),
    Seen("batches:batch", "staff", _list("", sent=1), "being sent"),
    Seen("batches:batch", "staff", _list("", sent=1, state=BatchState.PAUSED), "paused"),
    Seen("batches:batch", "staff", _list("", sent=1, state=BatchState.STOPPED), "stopped"),
    Seen("batches:batch", "staff", _list("", sent=4), "finished"),
    Seen("batches:batch", "staff", _list("?show=unknown", sent=4), "without a row"),
    at("batches:batches", "staff", "/batches/", "with lists"),
    at("start", "staff", "/", "with lists"),
    at("orders:orders", "staff", "/orders/"),
    after("orders:orders", "staff", "/orders/", "Find order", "with errors"),
    at("orders:orders", "staff", "/orders/?order_number=HTL-204417", "with two hits"),
    at("orders:orders", "staff", "/orders/?order_number=NONE", "without a hit"),
    at("orders:guests", "staff", "/guests/"),
    after("orders:guests", "staff", "/guests/", "Find guest", "with errors"),
    Seen("orders:guests", "staff", _guests_found, "with two guests"),
    at("orders:order", "staff", f"/orders/{GROUP_ORDER}/"),
    at("orders:order", "staff", "/orders/00000000-0000-4000-8000-000000000000/", "not there"),
    at("orders:guest", "staff", f"/guests/{GUEST_WITH_PROFILE}/"),
    at("orders:guest", "staff", "/guests/{world.created.guest_ref}/", "a traveller"),
    at("orders:order_consumer", "staff", "/order-consumers/{world.created.consumer_ref}/"),
    at("own_profile", "staff", "/accounts/profile/"),
    Seen("own_profile", "staff", _asked_whether_still_there, "asked whether still there"),
    at("own_password", "staff", "/accounts/password/"),
    after("own_password", "staff", "/accounts/password/", "Change password", "with errors"),
    at("account_logout", "staff", "/accounts/logout/"),
    at("(403)", "staff", "/people/"),
    at("start", "without a role", "/"),
    at("start", "supervisor", "/"),
    Seen("batches:batch", "supervisor", _list("", sent=2), "of another person"),
    at("batches:batches", "supervisor", "/batches/", "of everybody"),
    at("batches:batches", "supervisor", "/batches/?person=x", "with errors"),
    at("history:submissions", "supervisor", "/submissions/"),
    at("history:submissions", "supervisor", "/submissions/?period=all&sort=slowest", "sorted by duration"),
    at("history:columns", "supervisor", "/submissions/columns/?outcome=created"),
    at("history:views", "staff", "/submissions/views/", "without a view"),
    at("history:new_view", "supervisor", "/submissions/views/new/?outcome=unknown&period=last-week"),
    after("history:new_view", "supervisor", "/submissions/views/new/", "Save the view", "with errors"),
    Seen("history:views", "supervisor", _with_view("/submissions/views/")),
    Seen("history:view", "supervisor", _with_view("/submissions/views/{view}/")),
    Seen("history:submissions", "supervisor", _with_view("/submissions/?view={view}"), "of a view"),
    Seen("start", "supervisor", _with_view("/"), "with a view that warns"),
    at(
        "history:submissions",
        "supervisor",
        "/submissions/?period=all&outcome=created&order={world.created.order_ref}",
        "with filters",
    ),
    at("history:submissions", "supervisor", "/submissions/?since=x&until=2026-02-31", "with errors"),
    at("history:submissions", "supervisor", "/submissions/?order=nothing", "without a hit"),
    at("history:export", "supervisor", "/submissions/export/?outcome=created"),
    Seen("history:export", "supervisor", _export_with_errors, "with errors"),
    after("history:exported", "supervisor", "/submissions/export/", "Prepare export", "ready"),
    *(
        Seen("history:exported", "supervisor", _exported(state), state.value)
        for state in State
        if state != "ready"
    ),
    Seen("history:past_exports", "supervisor", _past_exports, "with exports"),
    at("history:past_exports", "administrator", "/submissions/exports/?since=x", "with errors"),
    at("history:past_exports", "supervisor", "/submissions/exports/?until=2001-01-01", "without an export"),
    Seen("history:exported", "administrator", _export_of_another, "of another person"),
    at("history:figures", "supervisor", "/submissions/figures/"),
    at("history:figures", "supervisor", "/submissions/figures/?since=x&until=2026-02-31", "with errors"),
    at("history:figures", "supervisor", "/submissions/figures/?order=nothing", "without a row"),
    at(RECEIPT, "supervisor", "/submissions/{world.unknown.public_id}/", "to be resolved"),
    at(RECEIPT, "supervisor", "/submissions/{world.resolved.public_id}/", "resolved"),
    at(RECEIPT, "supervisor", "/submissions/{world.corrected.public_id}/", "corrected"),
    at(
        "consumers:resolve",
        "supervisor",
        "/submissions/{world.resolved.public_id}/resolve/",
        "to be corrected",
    ),
    Seen("consumers:note", "supervisor", _empty_note, "with errors"),
    Seen("consumers:resolve", "supervisor", _compared, "to be compared"),
    Seen("consumers:resolve", "supervisor", _not_read, "not read"),
    Seen("consumers:resolve", "supervisor", _too_late, "too late"),
    after(
        "consumers:resolve",
        "supervisor",
        "/submissions/{world.unknown.public_id}/",
        "Mark as created",
        "with errors",
    ),
    at("start", "administrator", "/"),
    at("accounts:people", "administrator", "/people/"),
    at("accounts:people", "administrator", "/people/?q=nora&role=staff&state=no_password", "with filters"),
    at("accounts:people", "administrator", "/people/?q=nobody", "without a hit"),
    at("accounts:people", "administrator", "/people/?role=emperor", "with errors"),
    at("accounts:add_person", "administrator", "/people/new/"),
    at("accounts:invite", "administrator", "/people/invite/"),
    Seen("accounts:invite", "administrator", _invited("Ann One\tann\t\tStaff"), "checked"),
    Seen("accounts:invite", "administrator", _invited("Ann\tan n\tx\temperor\nBob"), "with errors"),
    at("accounts:deactivate", "administrator", "/people/{world.staff.pk}/deactivate/"),
    at("accounts:password_links", "administrator", "/people/links/"),
    after("accounts:add_person", "administrator", "/people/new/", "Add person", "with errors"),
    at("accounts:person", "administrator", "/people/{world.person.pk}/"),
    after(
        "accounts:password_links",
        "administrator",
        "/people/{world.person.pk}/",
        "Issue a link to set a password",
        "with the link",
    ),
    after("accounts:person", "administrator", "/people/{world.person.pk}/", "Grant Supervisor", "changed"),
    at("audit:log", "administrator", "/audit/"),
    at(
        "audit:log", "administrator", "/audit/?failures=1&reference={world.unknown.order_ref}", "with filters"
    ),
    at("audit:log", "administrator", "/audit/?since=x&until=2026-02-31", "with errors"),
    at("audit:log", "administrator", "/audit/?reference=nothing", "without a hit"),
    at("audit:event", "administrator", "/audit/{world.event}/"),
    at("audit:export", "administrator", "/audit/export/"),
    at("audit:export", "administrator", "/audit/export/?group=changes", "of filtered events"),
    at("audit:integrity", "administrator", "/audit/integrity/"),
    at("privacy:access", "administrator", "/audit/access/"),
    at(
        "privacy:access",
        "administrator",
        "/audit/access/?consumer={world.created.consumer_ref}",
        "of a person",
    ),
    at("privacy:access", "administrator", "/audit/access/?consumer=c-1", "of nobody"),
    after("privacy:access", "administrator", "/audit/access/", "Show who has seen it", "with errors"),
    after("audit:verify", "administrator", "/audit/integrity/", "Verify now", "verified"),
    at("status", "administrator", "/status/"),
    at("consumers:identity_rules", "administrator", "/identity-rules/"),
    Seen("consumers:remove_identity_rule", "administrator", _rule_to_remove),
    Seen("consumers:identity_rules", "administrator", _rule_removed, "with a removed rule"),
    after("consumers:identity_rules", "administrator", "/identity-rules/", "Add rule", "with errors"),
]
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
    "batches:rows_again": "leads to the new list",
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
PEOPLE = ["nobody", "without a role", "staff", "supervisor", "administrator"]


@pytest.fixture
def world(windows: Windows, staff: User, supervisor: User) -> World:
    return World(staff, supervisor)


@pytest.mark.parametrize("who", PEOPLE)
def test_every_page_passes_the_page_checks(
    windows: Windows, world: World, who: str, administrator: User, supervisor: User
) -> None:
    people = {
        "without a role": make_person("wanda"),
        "staff": world.staff,
        "supervisor": supervisor,
        "administrator": administrator,
    }
    page = windows.open(people.get(who), viewport=WIDE, reduced_motion="reduce")
    watch_shifts(page)
    documents: list[Response] = []
    page.on("response", lambda answer: documents.append(answer) if _is_document(answer) else None)
    broken: list[str] = []
    for seen in PAGES:
        if seen.who == who:
            seen.steps(page, world)
            broken += [f"{seen}: {promise}" for promise in _broken_promises(page, documents[-1].text())]
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
    broken = " ".join(_broken_promises(page, BROKEN))
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


def test_every_address_has_a_page_or_a_documented_reason() -> None:
    here = {seen.name for seen in PAGES} | {*NO_PAGE}
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


def _broken_promises(page: Page, html: str) -> Iterator[str]:
    page.wait_for_load_state()
    yield from _inline_code(html)
    if shifted(page) > MAX_SHIFTED:
        yield f"things moved by {shifted(page)} after the page was loaded: {moved(page)}"
    if uncut := page.locator("[maxlength], [minlength]").count():
        yield f"{uncut} fields whose text the browser cuts"
    if not TITLE.fullmatch(page.title()):
        yield f"the title is {page.title()}"
    headings = page.get_by_role("heading", level=1).count()
    if headings != 1:
        yield f"{headings} headings of level 1"
    page.evaluate(AXE_SCRIPT)
    yield from _violations(page, "light", ALL_RULES)
    page.emulate_media(color_scheme="dark")
    yield from _violations(page, "dark", COLOURS)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > NARROW["width"]:
        yield f"{width} px wide at 320 px, because of {page.evaluate(WIDEST)}"
    page.set_viewport_size(WIDE)


WIDEST = """[...document.querySelectorAll('main *, header *, footer *')]
    .filter(element => element.getBoundingClientRect().right > 320)
    .map(element => element.outerHTML.slice(0, 90))
    .slice(-2)"""


def _violations(page: Page, scheme: str, options: Mapping[str, object]) -> Iterator[str]:
    for rule, html in page.evaluate(RUN_AXE, dict(options)):
        yield f"{scheme}: {rule}: {html[:200]}"


class _InlineCode(HTMLParser):
    """Inline scripts, styles and event handlers of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"inline {tag}")
        self.found += [f"{name} at {tag}" for name in names if name == "style" or name.startswith("on")]


def _inline_code(html: str) -> list[str]:
    parser = _InlineCode()
    parser.feed(html)
    return parser.found
