"""Sign-in, the start page of each role, one's own pages, and people."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.e2e.every_page.seen import Seen, Steps, after, at
from tests.e2e.world import World


def _asked_whether_still_there(page: Page, world: World) -> None:
    """The dialog that appears two minutes before the session ends."""
    page.goto("/accounts/profile/")
    page.locator("dialog[data-session]").evaluate("dialog => dialog.showModal()")


def _invited(table: str) -> Steps:
    def steps(page: Page, world: World) -> None:
        page.goto("/people/invite/")
        page.get_by_label("Table of people").fill(table)
        with page.expect_navigation():
            page.get_by_role("button", name="Check the table").click()

    return steps


PAGES = [
    at("account_login", "nobody", "/accounts/login/"),
    after("account_login", "nobody", "/accounts/login/", "Sign in", "with errors"),
    at("password_link", "nobody", "{world.link}"),
    after("password_link", "nobody", "{world.link}", "Set password", "with errors"),
    at("password_link", "nobody", "/accounts/set-password/MQ/used-up/", "used up"),
    at("password_link", "nobody", "/accounts/set-password/MQ/form/", "without its session"),
    at("(404)", "nobody", "/no-such-page/"),
    at("start", "staff", "/"),
    at("own_profile", "staff", "/accounts/profile/"),
    Seen("own_profile", "staff", _asked_whether_still_there, "asked whether still there"),
    at("own_password", "staff", "/accounts/password/"),
    after("own_password", "staff", "/accounts/password/", "Change password", "with errors"),
    at("account_logout", "staff", "/accounts/logout/"),
    at("(403)", "staff", "/people/"),
    at("start", "without a role", "/"),
    at("start", "supervisor", "/"),
    at("start", "auditor", "/"),
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
]
