"""An administrator's Monday: invite, reorder, undo, sign out, deactivate; with and without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.accounts.roles import STAFF
from apps.consumers.models import IdentityRule
from tests.e2e.conftest import IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT, actions_of
from tests.e2e.pages import go, sign_in
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows
from tests.support.people import make_person

pytestmark = pytest.mark.e2e

TABLE = (
    "Full name\tUser name\tE-mail\tRole\n"
    "Ann One\tann\tann@example.com\tStaff\nBob Two\tbob\t\t{role}\nCy Three\tcy\t\tAuditor"
)
PASSWORD = f"eleven lighthouses before {TYPED['new password']}"


def _heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


@IN_BOTH_ENGINES_AND_WITHOUT_SCRIPT
def test_administrators_monday(windows: Windows, javascript: bool, administrator: User) -> None:
    sid = make_person("sid", STAFF)
    page = windows.open(administrator, javascript=javascript)

    # Three people from a table; the first paste has a mistake.
    go(page, "/people/")
    page.get_by_role("link", name="Invite several people").click()
    for role in ("Supervisr", "Supervisor"):
        page.get_by_label("Table of people").fill(TABLE.format(role=role))
        page.get_by_role("button", name="Check the table").click()
        if role == "Supervisr":
            expect(page.locator("[data-error-summary]")).to_contain_text(
                "Line 3: No role is called Supervisr"
            )
            assert User.objects.filter(username="ann").count() == 0
    page.get_by_role("button", name="Add 3 people").click()
    _heading(page, "Links you issued")
    links = page.locator(".panel .mono")
    expect(links).to_have_count(3)
    page.reload()
    expect(links).to_have_count(3)

    # One of them sets a password and signs in.
    link = page.locator("section", has_text="Ann One").locator(".mono").inner_text()
    ann = windows.open(javascript=javascript)
    go(ann, link)
    ann.get_by_label("New password", exact=True).fill(PASSWORD)
    ann.get_by_label("New password again").fill(PASSWORD)
    ann.get_by_role("button", name="Set password").click()
    sign_in(ann, "ann", PASSWORD)
    go(ann, "/accounts/profile/")
    expect(ann.get_by_role("heading", name="Your sessions")).to_be_visible()
    for heading in ("Your sessions", "Recent sign-ins"):
        expect(ann.locator("section", has_text=heading).locator("tbody tr")).to_have_count(1)

    # A rule is moved, removed and restored.
    go(page, "/identity-rules/")
    page.get_by_role("button", name="Move Loyalty up").click()
    expect(page.locator("[id^=rule-]").first).to_contain_text("LoyaltyProgramme")
    expect(page.locator(".messages")).to_contain_text("Loyalty is now rule 1")
    before = list(IdentityRule.objects.order_by("priority").values())
    page.get_by_role("link", name="Remove Loyalty").click()
    page.get_by_role("button", name="Remove Loyalty").click()
    expect(page.locator("[id^=rule-]")).to_have_count(1)
    page.get_by_role("button", name="Restore Loyalty").click()
    expect(page.locator("[id^=rule-]")).to_have_count(2)
    assert list(IdentityRule.objects.order_by("priority").values()) == before

    # Two administrators with the same list: the second is told.
    other = windows.open(make_person("otto", "administrator"), javascript=javascript)
    go(other, "/identity-rules/")
    page.get_by_role("button", name="Move Loyalty down").click()
    expect(page.locator(".messages")).to_contain_text("Loyalty is now rule 2")
    other.get_by_role("button", name="Move Loyalty down").click()
    expect(other.locator(".messages")).to_contain_text("The rules have changed")

    # Ann is signed out everywhere; Sid is deactivated.
    go(page, "/people/?q=ann@example")
    page.get_by_role("link", name="Ann One").click()
    expect(page.get_by_role("table")).to_contain_text("127.0.0.1")
    page.get_by_role("button", name="Sign out Ann One everywhere").click()
    expect(page.locator(".messages")).to_contain_text("1 session was ended")
    go(ann, "/accounts/profile/")
    _heading(ann, "Sign in")
    go(page, f"/people/{sid.pk}/")
    page.get_by_role("link", name="Deactivate Sid Person").click()
    _heading(page, "Deactivate Sid Person")
    page.get_by_role("button", name="Deactivate Sid Person").click()
    expect(page.get_by_role("button", name="Reactivate Sid Person")).to_be_visible()

    # All of it is in the log, with before and after.
    page.get_by_role("link", name="what was done to this account").click()
    page.get_by_role("row", name="Person deactivated").get_by_role("link").first.click()
    row = page.get_by_role("row", name="State")
    expect(row).to_contain_text("active")
    expect(row).to_contain_text("deactivated")
    recorded = actions_of(administrator)
    for action in (
        *("person.added", "role.granted", "person.password_link_issued", "password_links.shown"),
        *("identity_rule.changed", "person.sessions_ended", "person.deactivated"),
    ):
        assert action in recorded
    assert recorded.count("identity_rule.changed") == 4


def test_rule_is_moved_with_the_keyboard(windows: Windows, administrator: User) -> None:
    page = windows.open(administrator)
    go(page, "/identity-rules/")
    page.get_by_role("button", name="Move Loyalty up").press("Enter")
    expect(page.locator(".messages")).to_contain_text("Loyalty is now rule 1")
    page.get_by_role("button", name="Move Loyalty down").press("Space")
    expect(page.locator(".messages")).to_contain_text("Loyalty is now rule 2")
