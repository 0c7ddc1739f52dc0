"""The list of submissions, figures, exports, receipts and their resolution."""

from __future__ import annotations

from django.test import override_settings
from playwright.sync_api import Page, Route

from apps.accounts.models import User
from apps.cdp.factory import get_client
from apps.history.models import Export, SavedView, State
from tests.e2e.every_page.seen import Seen, Steps, after, at
from tests.e2e.traces import TYPED
from tests.e2e.world import World
from tests.support.export_rows import stored

RECEIPT = "consumers:receipt"


def _with_view(address: str) -> Steps:
    def steps(page: Page, world: World) -> None:
        view, _made = SavedView.objects.get_or_create(
            name="Rejected",
            role="supervisor",
            defaults={"query": {"period": ["all"]}, "columns": [], "warn_above": 0},
        )
        page.goto(address.format(view=view.public_id))

    return steps


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


def _empty_note(page: Page, world: World) -> None:
    page.goto(f"/submissions/{world.unknown.public_id}/")
    page.get_by_role("button", name="I have this").click()
    page.locator("summary", has_text="Add a note").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Save note").click()


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


PAGES = [
    at("history:submissions", "staff", "/submissions/"),
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
    at(RECEIPT, "staff", "/submissions/{world.created.public_id}/", "created"),
    at(RECEIPT, "staff", "/submissions/{world.rejected.public_id}/", "rejected"),
    at(RECEIPT, "staff", "/submissions/{world.unknown.public_id}/", "unknown"),
    at(RECEIPT, "staff", "/submissions/{world.not_created.public_id}/", "not created"),
    Seen(RECEIPT, "staff", _sending, "sending"),
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
]
