"""An administrator manages people, roles and identity rules."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.consumers.models import IdentityRule
from tests.e2e.conftest import IN_BOTH_ENGINES, actions_of
from tests.e2e.pages import go, open_form, sign_in
from tests.e2e.traces import TYPED
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

NEW_PASSWORD = f"nine lighthouses before {TYPED['new password']}"


@IN_BOTH_ENGINES
def test_administrator_adds_a_person_and_deactivation_signs_them_out(
    windows: Windows, administrator: User
) -> None:
    page = windows.open()
    sign_in(page, "ada")
    page.get_by_role("link", name="People").first.click()
    page.get_by_role("link", name="Add a person").click()
    page.get_by_role("button", name="Add person").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.get_by_label("User name").fill("nora")
    page.get_by_label("Full name").fill("Nora New")
    page.get_by_label("Staff").check()
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nora New")
    page.get_by_role("button", name="Issue a link to set a password").click()
    link = page.locator(".panel-information .mono").inner_text()

    other = windows.open()
    go(other, link)
    assert link not in other.url  # the secret is removed from the address immediately
    other.locator("#id_new_password").fill(NEW_PASSWORD)
    other.get_by_label("New password again").fill(NEW_PASSWORD)
    other.get_by_role("button", name="Set password").click()
    expect(other.locator("#id_new_password")).to_have_count(0)
    sign_in(other, "nora", NEW_PASSWORD)
    expect(other.locator("header")).to_contain_text("Nora New")
    open_form(other)

    used_up = windows.open()
    go(used_up, link)
    expect(used_up.get_by_role("heading", level=1)).to_have_text("This link no longer works")

    page.get_by_role("link", name="Nora New").click()
    page.get_by_role("link", name="Deactivate Nora New").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deactivate Nora New")
    page.get_by_role("button", name="Deactivate Nora New").click()
    expect(page.get_by_role("button", name="Reactivate Nora New")).to_be_visible()
    go(other, "/consumers/new/")
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
    other.get_by_label("User name").fill("nora")
    other.get_by_label("Password").fill(NEW_PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.locator("[data-error-summary]")).to_contain_text(
        "The user name or the password is incorrect"
    )


@IN_BOTH_ENGINES
def test_administrator_changes_the_identity_rules_and_the_form_offers_them(
    windows: Windows, administrator: User, staff: User
) -> None:
    page = windows.open(administrator)
    go(page, "/identity-rules/")
    page.get_by_label("Rule name").fill("Membership card")
    page.get_by_label("Identifier provider").fill("Membership")
    page.get_by_role("button", name="Add rule").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Remove Profile system").click()
    page.get_by_role("button", name="Remove Profile system").click()
    expect(page.locator("[id^=rule-]")).to_have_count(2)
    assert [*IdentityRule.objects.order_by("priority").values_list("provider", flat=True)] == [
        "LoyaltyProgramme",
        "Membership",
    ]
    assert actions_of(administrator).count("identity_rule.changed") == 2

    form = windows.open(staff)
    open_form(form)
    offered = form.locator("#id_identifiers-0-provider option")
    expect(offered).to_have_text(["Choose a provider", "LoyaltyProgramme", "Membership"])
