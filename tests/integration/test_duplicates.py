"""A consumer that is already on the order stops the entry, wherever it was added, until a reason is given."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer
from apps.consumers.models import OrderReading, Outcome, Submission
from apps.consumers.sending import order_comparison
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, create_anyway, creates, on_page, posted, store, text
from tests.support.people import events, make_person
from tests.support.resolving import add_elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
PANEL = "/orders/panel/"
NEAR = replace(
    FULL, first_name="Aoife Zaphodinna", passport_number="", emails=("other@example.com",), identifiers=()
)
"""FULL as another system has it: another e-mail, no passport, and a typing error in the name."""
NO_REASON = "Choose why the consumer should be created anyway"


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True


def accepted_on(page: str) -> str:
    found = re.search(r'name="accepted" value="([^"]*)"', page)
    return found[1] if found else ""


def requested() -> dict[str, object]:
    return events("consumer.create_requested")[-1].details


def rows_of(page: str) -> dict[str, list[str]]:
    """The cells of each row in the comparison, without tags."""
    [table] = re.findall(r"<tbody.*?</tbody>", page, re.DOTALL)
    found = {}
    for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL):
        cells = [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.split(r"</t[hd]>", row)]
        found[cells[0]] = cells[1:4]
    return found


def test_near_consumer_added_elsewhere_is_shown_beside_the_entry_and_needs_a_reason(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    elsewhere = add_elsewhere(NEAR)
    sent_before = len(creates(sandbox))
    stopped = as_staff.post(NEW, posted())
    page = text(stopped)
    assert "A similar consumer is on this order in Sitecore CDP." in page
    rows = rows_of(page)
    assert rows["First name"] == [FULL.first_name, NEAR.first_name, "Similar"]
    assert rows["Last name"] == [FULL.last_name, NEAR.last_name, "Same"]
    assert rows["Passport number"] == [FULL.passport_number, "–", "One side only"]
    assert rows["Email addresses"][2] == "Differs"
    assert f'href="/order-consumers/{elsewhere.ref}/"' in page
    assert NO_REASON not in page
    [viewed] = events("vendor_record.viewed")
    assert (viewed.order_ref, viewed.consumer_ref) == (SAMPLE_ORDER, elsewhere.ref)

    anyway = {**on_page(stopped), "accepted": accepted_on(page)}
    for reason in ("", "no_such_reason"):
        refused = as_staff.post(NEW, {**anyway, "similar_reason": reason})
        assert refused.status_code == 200
        assert 'href="#id_similar_reason"' in text(refused)
        assert "There is a problem" in text(refused)
        assert accepted_on(text(refused)) == anyway["accepted"]
    assert NO_REASON in text(as_staff.post(NEW, anyway))
    assert len(creates(sandbox)) == sent_before
    assert not Submission.objects.exists()

    receipt = as_staff.post(NEW, {**anyway, "similar_reason": "family_member"}, follow=True)
    assert len(creates(sandbox)) == sent_before + 1
    details = requested()
    assert details["overridden"] == ["similar_consumer"]
    assert (details["similar_rules"], details["similar_reason"]) == (["close_name"], "family_member")
    assert (details["compared"], details["on_order"]) == (1, 1)
    assert "Compared with the 1 consumer on the order." in text(receipt)
    assert "Created although one is similar: different person (family member)." in text(receipt)


def test_consumer_of_a_submission_is_compared_once(as_staff: Client, sandbox: SandboxServer) -> None:
    assert as_staff.post(NEW, posted()).status_code == 303
    page = text(as_staff.post(NEW, posted()))
    assert page.count('<tbody role="rowgroup">') == 1
    assert "The same consumer was created on this order." in page
    assert "in Sitecore CDP." not in page
    create_anyway(as_staff, posted())
    assert (requested()["compared"], requested()["on_order"]) == (1, 1)


def test_family_member_is_not_stopped(as_staff: Client, sandbox: SandboxServer) -> None:
    sven = NewConsumer(
        first_name="Lars",
        last_name="Lindqvist",
        date_of_birth=date(2016, 1, 20),
        emails=("lindqvist.family@example.org",),
        phone_numbers=("+442079460177",),
    )
    assert as_staff.post(NEW, posted(sven, order=FAMILY_ORDER)).status_code == 303
    assert (requested()["compared"], requested()["on_order"]) == (3, 3)
    assert "overridden" not in requested()


def test_consumer_that_appears_after_the_warning_stops_again(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(NEAR)
    first = as_staff.post(NEW, posted())
    decision = {"accepted": accepted_on(text(first)), "similar_reason": "family_member"}
    add_elsewhere(replace(NEAR, last_name="Obeeblebrox"))
    again = as_staff.post(NEW, {**on_page(first), **decision})
    assert again.status_code == 200
    assert on_page(again)["similar_reason"] == "family_member"
    both = accepted_on(text(again)).split()
    assert len(both) == 2
    assert decision["accepted"] in both
    assert not Submission.objects.exists()


def test_entry_that_becomes_more_alike_after_the_warning_stops_again(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(NEAR)
    first = as_staff.post(NEW, posted())
    decision = {"accepted": accepted_on(text(first)), "similar_reason": "family_member"}
    again = as_staff.post(NEW, {**on_page(first), **decision, "first_name": NEAR.first_name})
    assert again.status_code == 200
    assert not Submission.objects.exists()


@pytest.mark.parametrize("cause", ["off", "not readable"])
def test_order_that_is_not_read_stops_nothing_and_the_receipt_says_so(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, cause: str
) -> None:
    add_elsewhere(NEAR)
    if cause == "off":
        settings.CDP_RECONCILIATION = False
    else:
        sandbox.sandbox.faults.arm(Armed("500_before", operation="list_order_consumers"))
        sandbox.sandbox.faults.arm(Armed("500_before", operation="list_order_consumers"))
    receipt = as_staff.post(NEW, posted(), follow=True)
    assert Submission.objects.get().outcome == Outcome.CREATED
    assert (requested()["compared"], requested().get("on_order")) == (0, None)
    assert "Compared with 0 consumers that the portal knew. The whole order was not read." in text(receipt)


def test_bare_references_in_the_list_count_as_not_compared(as_staff: Client, sandbox: SandboxServer) -> None:
    add_elsewhere(NEAR)
    add_elsewhere(clean())
    sandbox.sandbox.switches = Switches().changed({"list_items": "refs"})
    receipt = as_staff.post(NEW, posted(), follow=True)
    assert (requested()["compared"], requested()["on_order"]) == (0, 2)
    assert "Compared with 0 of 2 consumers on the order." in text(receipt)


def test_panels_reading_is_compared_without_a_call_while_it_is_current(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(NEAR)
    as_staff.post(PANEL, {"order_ref": SAMPLE_ORDER})
    calls = len(sandbox.sandbox.requests())
    stopped = as_staff.post(NEW, posted())
    assert "A similar consumer is on this order in Sitecore CDP." in text(stopped)
    assert len(sandbox.sandbox.requests()) == calls, "The panel's reading stands for step 0"
    decision = {"accepted": accepted_on(text(stopped)), "similar_reason": "family_member"}
    # A minute later the list is read again. It has the same consumer, so the warning stays confirmed.
    _age_reading(minutes=2)
    assert as_staff.post(NEW, {**on_page(stopped), **decision}).status_code == 303
    assert len(sandbox.sandbox.requests()) > calls + 1
    assert (requested()["compared"], requested()["on_order"]) == (1, 1)


@pytest.mark.sql("new")
def test_consumer_added_after_the_panels_reading_is_found_once_the_reading_is_old(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    as_staff.post(PANEL, {"order_ref": SAMPLE_ORDER})
    _age_reading(minutes=2)
    add_elsewhere(NEAR)
    assert "A similar consumer is on this order in Sitecore CDP." in text(as_staff.post(NEW, posted()))


def test_bare_references_in_the_list_are_compared_as_the_panel_read_them(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = Switches().changed({"list_items": "refs"})
    add_elsewhere(NEAR)
    as_staff.post(PANEL, {"order_ref": SAMPLE_ORDER})
    _age_reading(minutes=2)
    add_elsewhere(clean())
    create_anyway(as_staff, posted())
    assert requested()["overridden"] == ["similar_consumer"]
    assert (requested()["compared"], requested()["on_order"]) == (1, 2)


@pytest.mark.parametrize(("minutes", "on_order"), [(0, 1), (2, None)])
def test_without_reconciliation_the_panels_reading_is_compared_and_no_call_is_made(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, minutes: int, on_order: int | None
) -> None:
    settings.CDP_RECONCILIATION = False
    add_elsewhere(NEAR)
    as_staff.post(PANEL, {"order_ref": SAMPLE_ORDER})
    _age_reading(minutes=minutes)
    calls = len(sandbox.sandbox.requests())
    create_anyway(as_staff, posted())
    assert len(sandbox.sandbox.requests()) == calls + 1, "The create, and no other call"
    assert requested()["overridden"] == ["similar_consumer"]
    assert (requested()["compared"], requested().get("on_order")) == (1, on_order)
    assert not Submission.objects.get().refs_before


def _age_reading(*, minutes: int) -> None:
    [reading] = OrderReading.objects.all()
    OrderReading.objects.update(read_at=reading.read_at - timedelta(minutes=minutes))


@pytest.mark.sql("new")
def test_only_the_newest_submissions_of_a_large_order_are_compared(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_comparison, "COMPARED_LIMIT", 2)
    for name in ("Xa", "Yb", "Zc"):
        store(staff, Outcome.UNKNOWN, clean(first_name=name))
    assert as_staff.post(NEW, posted()).status_code == 303
    assert (requested()["compared"], requested()["on_order"]) == (2, 3)


NAMELESS = clean(first_name="TBA", last_name="TBA")


def comparisons_on(page: str) -> int:
    return page.count('<tbody role="rowgroup">')


def test_many_similar_consumers_are_counted_and_confirmed_together(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    made = [store(staff, Outcome.CREATED, replace(NAMELESS, title="Mr")) for _ in range(13)]
    elsewhere = [add_elsewhere(replace(NAMELESS, title="Mrs")) for _ in range(12)]
    stopped = as_staff.post(NEW, posted(NAMELESS))
    page = text(stopped)
    assert comparisons_on(page) == 20
    counted = "5 more consumers on this order are similar to this one."
    assert page.count(counted) == 2, "In the panel and at the field"
    shown = [event.submission for event in events("submission.viewed")]
    assert shown == [str(one.public_id) for one in reversed(made[3:])]
    assert [event.consumer_ref for event in events("vendor_record.viewed")] == [
        one.ref for one in elsewhere[:10]
    ]
    decision = {"accepted": accepted_on(page), "similar_reason": "same_name"}
    assert len(decision["accepted"].split()) == 25

    last = add_elsewhere(replace(NAMELESS, title="Ms"))
    again = as_staff.post(NEW, {**on_page(stopped), **decision})
    assert again.status_code == 200
    named = [event.consumer_ref for event in events("vendor_record.viewed")]
    assert last.ref in named, "A consumer that nobody has confirmed is named, also as the last on the order"
    assert comparisons_on(text(again)) == 20
    decision["accepted"] = accepted_on(text(again))
    assert as_staff.post(NEW, {**on_page(again), **decision}).status_code == 303


def test_data_of_another_persons_submission_are_not_shown(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    earlier = store(make_person("sid", "staff"), Outcome.UNKNOWN, NEAR)
    page = text(as_staff.post(NEW, posted()))
    assert rows_of(page)["First name"] == [FULL.first_name, "Not shown", "Similar"]
    assert NEAR.first_name not in page
    assert NEAR.emails[0] not in page
    assert events("submission.viewed") == []
    assert NEAR.first_name in text(as_supervisor.post(NEW, posted()))
    assert [event.submission for event in events("submission.viewed")] == [str(earlier.public_id)]
