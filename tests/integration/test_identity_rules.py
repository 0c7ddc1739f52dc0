"""Administrators enter the tenant's identity rules: at most five, each provider once, in order, recorded."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.consumers.identity_rules import RuleRefused, add_rule, remove_rule
from apps.consumers.models import MAX_IDENTITY_RULES, IdentityRule
from apps.consumers.selectors import providers
from apps.core.actor import Actor
from tests.support.entries import text
from tests.support.people import events

pytestmark = pytest.mark.django_db
REAL = pytest.mark.django_db(transaction=True)  # real commits, for several connections

PAGE = "/identity-rules/"
TESTS = Actor.system("tests")


def fill(number: int) -> list[IdentityRule]:
    return [add_rule(name=f"Rule {i}", provider=f"Provider{i}", actor=TESTS) for i in range(1, number + 1)]


def test_rules_are_appended_and_offered_by_the_form_in_order(
    as_administrator: Client, as_staff: Client, administrator: User
) -> None:
    assert "No identity rules yet" in text(as_administrator.get(PAGE))
    for name, provider in (("Zeta", "zProvider"), ("Alpha", "aProvider")):
        response = as_administrator.post(PAGE, {"name": f" {name} ", "provider": f" {provider} "})
        assert (response.status_code, response["Location"]) == (303, PAGE)
    page = text(as_administrator.get(PAGE))
    assert page.index("zProvider") < page.index("aProvider")
    assert providers() == ("zProvider", "aProvider")
    form = as_staff.get("/consumers/new/").content.decode()
    select = form[form.index('name="identifiers-0-provider"') :]
    assert re.findall(r'<option value="([^"]*)"', select[: select.index("</select>")]) == [
        "",
        "zProvider",
        "aProvider",
    ]
    first, second = events("identity_rule.changed")
    assert first.details == {"change": "added", "rule": "Zeta", "provider": "zProvider", "priority": 1}
    assert second.details["priority"] == 2
    assert first.actor_id == str(administrator.pk)


def test_removing_a_rule_moves_later_rules_up(as_administrator: Client) -> None:
    rules = fill(5)
    response = as_administrator.post(f"{PAGE}{rules[1].pk}/remove/")
    assert (response.status_code, response["Location"]) == (303, PAGE)
    assert list(IdentityRule.objects.order_by("priority").values_list("priority", "provider")) == [
        (1, "Provider1"),
        (2, "Provider3"),
        (3, "Provider4"),
        (4, "Provider5"),
    ]
    removed = events("identity_rule.changed")[-1]
    assert removed.details == {"change": "removed", "rule": "Rule 2", "provider": "Provider2", "priority": 2}
    assert as_administrator.post(f"{PAGE}{rules[1].pk}/remove/").status_code == 404


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"name": "", "provider": "P"}, "name", "Enter the rule name"),
        ({"name": "N", "provider": " "}, "provider", "Enter the provider"),
        ({"name": "n" * 101, "provider": "P"}, "name", "The name has at most 100 characters"),
        ({"name": "N", "provider": "p" * 101}, "provider", "The provider has at most 100 characters"),
        ({"name": "N", "provider": "Provider1"}, "provider", "Another rule has this provider"),
        ({"name": "N", "provider": "Pro\u200bvider1"}, "provider", "Another rule has this provider"),
        ({"name": "N", "provider": "Ｐrovider1"}, "provider", "Another rule has this provider"),
        ({"name": "N", "provider": "\u200b"}, "provider", "Enter the provider"),
    ],
)
def test_invalid_rule_is_an_error_at_its_field(
    as_administrator: Client, typed: dict[str, str], field: str, message: str
) -> None:
    fill(1)
    page = text(as_administrator.post(PAGE, typed))
    assert f'<a href="#id_{field}">{message}</a>' in page
    assert "<title>Error: Identity rules" in page
    assert IdentityRule.objects.count() == 1
    assert len(events("identity_rule.changed")) == 1


def test_providers_are_compared_exactly(as_administrator: Client) -> None:
    fill(1)
    assert as_administrator.post(PAGE, {"name": "N", "provider": "provider1"}).status_code == 303
    assert providers() == ("Provider1", "provider1")


def test_sixth_rule_is_refused(as_administrator: Client) -> None:
    fill(MAX_IDENTITY_RULES)
    page = text(as_administrator.post(PAGE, {"name": "Six", "provider": "Provider6"}))
    assert "There are already five rules. Sitecore CDP has at most five." in page
    assert IdentityRule.objects.count() == MAX_IDENTITY_RULES


def test_only_an_administrator_sees_or_changes_the_rules(as_staff: Client, as_supervisor: Client) -> None:
    [rule] = fill(1)
    for client in (as_staff, as_supervisor):
        assert client.get(PAGE).status_code == 403
        assert client.post(PAGE, {"name": "N", "provider": "P"}).status_code == 403
        assert client.post(f"{PAGE}{rule.pk}/remove/").status_code == 403
    assert Client().post(f"{PAGE}{rule.pk}/remove/").status_code == 302
    assert providers() == ("Provider1",)


def test_rule_is_not_removed_by_following_a_link(as_administrator: Client) -> None:
    [rule] = fill(1)
    assert as_administrator.get(f"{PAGE}{rule.pk}/remove/").status_code == 405
    assert providers() == ("Provider1",)


def test_hostile_name_is_shown_as_text(as_administrator: Client) -> None:
    add_rule(name="<script>alert(1)</script>", provider='"><b>', actor=TESTS)
    page = as_administrator.get(PAGE).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@REAL
def test_concurrent_administrators_make_no_sixth_rule_and_no_gap() -> None:
    fill(3)
    barrier = threading.Barrier(4, timeout=20)

    def run(number: int) -> bool:
        try:
            connection.ensure_connection()
            barrier.wait()
            add_rule(name="More", provider=f"More{number}", actor=TESTS)
        except RuleRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        added = sum(pool.map(run, range(4), timeout=30))
    priorities = list(IdentityRule.objects.order_by("priority").values_list("priority", flat=True))
    assert priorities == list(range(1, 3 + added + 1))
    assert 1 <= added <= 2
    assert len(events("identity_rule.changed")) == 3 + added


def test_rule_removed_twice_is_recorded_once_and_moves_the_others_once() -> None:
    first, *_others = fill(3)
    remove_rule(first, actor=TESTS)
    remove_rule(first, actor=TESTS)
    assert list(IdentityRule.objects.order_by("priority").values_list("priority", flat=True)) == [1, 2]
    assert [event.details["change"] for event in events("identity_rule.changed")].count("removed") == 1
