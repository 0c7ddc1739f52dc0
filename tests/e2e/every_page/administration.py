"""The audit log, the access report, status and identity rules."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.e2e.every_page.seen import Seen, after, at
from tests.e2e.world import World


def _log_of_changes(page: Page, world: World) -> None:
    page.goto(f"/people/{world.person.pk}/")
    with page.expect_navigation():
        page.get_by_role("button", name="Grant Supervisor").click()
    page.goto("/audit/")


def _rule_to_remove(page: Page, world: World) -> None:
    page.goto("/identity-rules/")
    with page.expect_navigation():
        page.get_by_role("link", name="Remove Loyalty").click()


def _rule_removed(page: Page, world: World) -> None:
    _rule_to_remove(page, world)
    with page.expect_navigation():
        page.get_by_role("button", name="Remove Loyalty").click()


PAGES = [
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
    Seen("audit:log", "administrator", _log_of_changes, "with a change"),
    at("status", "administrator", "/status/"),
    at("consumers:identity_rules", "administrator", "/identity-rules/"),
    Seen("consumers:remove_identity_rule", "administrator", _rule_to_remove),
    Seen("consumers:identity_rules", "administrator", _rule_removed, "with a removed rule"),
    after("consumers:identity_rules", "administrator", "/identity-rules/", "Add rule", "with errors"),
]
