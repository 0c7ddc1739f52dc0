"""Administrators enter the tenant's identity rules: at most five, each provider once, in order, recorded."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.consumers.identity_rules import (
    MAX_REMOVED,
    RuleRefused,
    add_rule,
    move_rule,
    remove_rule,
    version_of,
)
from apps.consumers.models import MAX_IDENTITY_RULES, IdentityRule, RemovedIdentityRule
from apps.consumers.selectors import providers
from apps.core.actor import Actor
from tests.support.entries import text
from tests.support.people import events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]
REAL = pytest.mark.django_db(transaction=True)  # real commits, for several connections

PAGE = "/identity-rules/"
TESTS = Actor.system("tests")


def fill(number: int) -> list[IdentityRule]:
    return [add_rule(name=f"Rule {i}", provider=f"Provider{i}", actor=TESTS) for i in range(1, number + 1)]


def version() -> str:
    return version_of(IdentityRule.objects.order_by("priority"))


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
    assert first.details == {
        "change": "added",
        "rule": "Zeta",
        "provider": "zProvider",
        "priority_before": None,
        "priority_after": 1,
        "order_before": [],
        "order_after": ["zProvider"],
    }
    assert second.details["priority_after"] == 2
    assert first.actor_id == str(administrator.pk)


@pytest.mark.sql("new")
def test_removing_a_rule_moves_later_rules_up(as_administrator: Client) -> None:
    rules = fill(5)
    address = f"{PAGE}{rules[1].pk}/remove/"
    asked = text(as_administrator.get(address))
    assert "Remove the rule Rule 2" in asked
    assert IdentityRule.objects.count() == 5
    response = as_administrator.post(address, {"version": version()})
    assert (response.status_code, response["Location"]) == (303, PAGE)
    assert list(IdentityRule.objects.order_by("priority").values_list("priority", "provider")) == [
        (1, "Provider1"),
        (2, "Provider3"),
        (3, "Provider4"),
        (4, "Provider5"),
    ]
    removed = events("identity_rule.changed")[-1]
    assert removed.details == {
        "change": "removed",
        "rule": "Rule 2",
        "provider": "Provider2",
        "priority_before": 2,
        "priority_after": None,
        "order_before": [f"Provider{number}" for number in range(1, 6)],
        "order_after": ["Provider1", "Provider3", "Provider4", "Provider5"],
    }
    assert as_administrator.get(address).status_code == 404


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
        for act in (f"{rule.pk}/remove/", f"{rule.pk}/move/", f"restore/{rule.pk}/"):
            assert client.post(f"{PAGE}{act}", {"version": version(), "direction": "up"}).status_code == 403
    assert Client().post(f"{PAGE}{rule.pk}/remove/").status_code == 302
    assert providers() == ("Provider1",)


def test_nothing_is_changed_by_following_a_link(as_administrator: Client) -> None:
    [rule] = fill(1)
    assert as_administrator.get(f"{PAGE}{rule.pk}/remove/").status_code == 200
    assert as_administrator.get(f"{PAGE}{rule.pk}/move/").status_code == 405
    assert as_administrator.get(f"{PAGE}restore/{rule.pk}/").status_code == 405
    assert providers() == ("Provider1",)


# --- Order ----------------------------------------------------------------------------------------
def move(client: Client, rule: IdentityRule, direction: str, **posted: str) -> str:
    answer = client.post(
        f"{PAGE}{rule.pk}/move/", {"version": version(), "direction": direction, **posted}, follow=True
    )
    return text(answer)


@pytest.mark.sql("new")
def test_rule_is_moved_and_its_event_has_the_order_before_and_after(as_administrator: Client) -> None:
    rules = fill(5)
    assert "Rule 5 is now rule 4" in move(as_administrator, rules[4], "up")
    assert "Rule 1 is now rule 2" in move(as_administrator, rules[0], "down")
    assert providers() == ("Provider2", "Provider1", "Provider3", "Provider5", "Provider4")
    assert {rule.pk for rule in rules} == {rule.pk for rule in IdentityRule.objects.all()}
    moved = events("identity_rule.changed")[-1]
    assert (moved.details["priority_before"], moved.details["priority_after"]) == (1, 2)
    assert moved.details["order_before"][:2] == ["Provider1", "Provider2"]
    assert moved.details["order_after"][:2] == ["Provider2", "Provider1"]
    page = text(as_administrator.get(f"/audit/{moved.seq}/"))
    assert "What was changed" in page
    assert 'data-label="Before"' in page


@pytest.mark.parametrize(("index", "direction"), [(0, "up"), (2, "down"), (1, "sideways"), (1, "")])
def test_move_beyond_the_end_or_nowhere_changes_and_records_nothing(
    as_administrator: Client, index: int, direction: str
) -> None:
    rules = fill(3)
    move(as_administrator, rules[index], direction)
    assert providers() == ("Provider1", "Provider2", "Provider3")
    assert len(events("identity_rule.changed")) == 3


def test_first_rule_offers_no_move_up_and_last_none_down(as_administrator: Client) -> None:
    fill(2)
    page = text(as_administrator.get(PAGE))
    assert page.count('value="up"') == page.count('value="down"') == 1


@pytest.mark.parametrize("sent", ["", "0" * 32, "\x00", "é"])
def test_act_with_another_list_than_the_stored_one_is_refused_and_told(
    as_administrator: Client, sent: str
) -> None:
    rules = fill(3)
    remove_rule(rules[0].pk, version=version(), actor=TESTS)
    [removed] = RemovedIdentityRule.objects.all()
    for act in (f"{rules[2].pk}/move/", f"{rules[2].pk}/remove/", f"restore/{removed.pk}/"):
        answer = as_administrator.post(f"{PAGE}{act}", {"version": sent, "direction": "up"}, follow=True)
        assert "The rules have changed since you opened the page" in text(answer)
    assert providers() == ("Provider2", "Provider3")
    assert RemovedIdentityRule.objects.count() == 1
    assert len(events("identity_rule.changed")) == 4


# --- Undoing a removal ----------------------------------------------------------------------------
@pytest.mark.sql("new")
@pytest.mark.parametrize("index", [0, 2, 4])
def test_restoring_gives_back_the_rule_exactly(as_administrator: Client, index: int) -> None:
    rules = fill(5)
    before = list(IdentityRule.objects.order_by("priority").values())
    as_administrator.post(f"{PAGE}{rules[index].pk}/remove/", {"version": version()})
    page = text(as_administrator.get(PAGE))
    assert "Removed rules" in page
    [removed] = RemovedIdentityRule.objects.all()
    answer = as_administrator.post(f"{PAGE}restore/{removed.pk}/", {"version": version()}, follow=True)
    assert f"Rule {index + 1} was restored as rule {index + 1}" in text(answer)
    assert list(IdentityRule.objects.order_by("priority").values()) == before
    assert not RemovedIdentityRule.objects.exists()
    restored = events("identity_rule.changed")[-1]
    assert (restored.details["priority_before"], restored.details["priority_after"]) == (None, index + 1)
    again = as_administrator.post(f"{PAGE}restore/{removed.pk}/", {"version": version()}, follow=True)
    assert "Nothing was done" in text(again)


def test_restoring_into_a_full_list_or_beside_its_provider_is_refused_and_possible_later(
    as_administrator: Client,
) -> None:
    rules = fill(5)
    remove_rule(rules[1].pk, version=version(), actor=TESTS)
    [removed] = RemovedIdentityRule.objects.all()
    again = add_rule(name="Again", provider="Provider2", actor=TESTS)
    restore = f"{PAGE}restore/{removed.pk}/"
    page = text(as_administrator.post(restore, {"version": version()}, follow=True))
    assert "There are already five rules" in page
    remove_rule(rules[4].pk, version=version(), actor=TESTS)
    page = text(as_administrator.post(restore, {"version": version()}, follow=True))
    assert "Another rule has this provider" in page
    remove_rule(again.pk, version=version(), actor=TESTS)
    as_administrator.post(restore, {"version": version()})
    assert providers() == ("Provider1", "Provider2", "Provider3", "Provider4")


@pytest.mark.sql("new")
def test_only_the_latest_removed_rules_are_kept() -> None:
    for number in range(MAX_REMOVED + 2):
        rule = add_rule(name=f"R{number}", provider=f"P{number}", actor=TESTS)
        remove_rule(rule.pk, version=version(), actor=TESTS)
    kept = RemovedIdentityRule.objects.order_by("pk").values_list("name", flat=True)
    assert list(kept) == [f"R{number}" for number in range(2, MAX_REMOVED + 2)]


def test_hostile_name_is_shown_as_text(as_administrator: Client) -> None:
    add_rule(name="<script>alert(1)</script>", provider='"><b>', actor=TESTS)
    page = as_administrator.get(PAGE).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.sql("new")
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


@pytest.mark.sql("new")
@REAL
def test_of_concurrent_changes_to_the_same_list_one_is_made_and_the_others_are_told() -> None:
    rules = fill(4)
    seen = version()
    acts: list[Callable[[], object]] = [
        lambda: move_rule(rules[0].pk, offset=1, version=seen, actor=TESTS),
        lambda: move_rule(rules[3].pk, offset=-1, version=seen, actor=TESTS),
        lambda: remove_rule(rules[1].pk, version=seen, actor=TESTS),
        lambda: remove_rule(rules[2].pk, version=seen, actor=TESTS),
    ]
    barrier = threading.Barrier(len(acts), timeout=20)

    def run(act: Callable[[], object]) -> str:
        try:
            connection.ensure_connection()
            barrier.wait()
            act()
        except RuleRefused as refused:
            return refused.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        answers = sorted(pool.map(run, acts, timeout=30))
    assert answers == ["changed_meanwhile"] * 3 + ["done"]
    assert len(events("identity_rule.changed")) == 5
    left = {*IdentityRule.objects.values_list("provider", flat=True)}
    left |= {*RemovedIdentityRule.objects.values_list("provider", flat=True)}
    assert left == {f"Provider{number}" for number in range(1, 5)}  # nothing is lost


@pytest.mark.sql("new")
def test_rule_removed_twice_is_recorded_once_and_moves_the_others_once() -> None:
    first, *_others = fill(3)
    seen = version()
    remove_rule(first.pk, version=seen, actor=TESTS)
    with pytest.raises(RuleRefused, match="changed_meanwhile"):
        remove_rule(first.pk, version=seen, actor=TESTS)
    with pytest.raises(RuleRefused, match="changed_meanwhile"):
        remove_rule(first.pk, version=version(), actor=TESTS)
    assert list(IdentityRule.objects.order_by("priority").values_list("priority", flat=True)) == [1, 2]
    assert [event.details["change"] for event in events("identity_rule.changed")].count("removed") == 1
