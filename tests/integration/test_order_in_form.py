"""The order in the form: a number is looked up, nothing is sent to a wrong order, and the panel shows it."""

from __future__ import annotations

import datetime
import json
import re
import threading
from dataclasses import replace

import pytest
from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.client import CdpClient, ListedOrders
from apps.cdp.records import Order
from apps.consumers import drafts, selectors
from apps.consumers.drafts import DraftMark
from apps.consumers.models import OrderReading, Outcome, Submission
from apps.consumers.order_lookup import lookup
from apps.core import clock
from apps.core.references import reference_key
from consumerportal.management.commands.worker import Worker
from sandbox.data.seed import (
    CANCELLED_ORDER,
    CROWDED_ORDERS,
    FAMILY_ORDER,
    ORDERS_WITH_TRIPLE_REFERENCE_ID,
    SAMPLE_ORDER,
    SAMPLE_REFERENCE_ID,
    TRIPLE_REFERENCE_ID,
    consumer_ref,
)
from sandbox.data.seed_guests import GUESTS_SHARING_EMAIL
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import lookup_slots_taken
from tests.support.entries import CREATE, clean, on_page, posted, resolved_by, store
from tests.support.people import events, make_person
from tests.support.resolving import add_elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW, PANEL = "/consumers/new/", "/orders/panel/"
FAMILY_NUMBER = "B4LNDQ-1"
CHOSEN = ORDERS_WITH_TRIPLE_REFERENCE_ID[2]
UNKNOWN_REF = "00000000-0000-4000-8000-000000000000"


def _text(response: HttpResponseBase) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def _creates(sandbox: SandboxServer) -> list[str]:
    """The orders that creates were sent to."""
    requests = [one for one in sandbox.sandbox.requests() if one.operation == CREATE]
    return [one.path.split("/")[3] for one in requests]


def _operations(sandbox: SandboxServer) -> list[str]:
    return [one.operation for one in sandbox.sandbox.requests()]


def _anyway(page: HttpResponseBase) -> dict[str, str]:
    """What Create anyway posts from this page."""
    assert isinstance(page, HttpResponse)
    found = re.search(r'name="accepted" value="([^"]+)"', page.content.decode())
    assert found, "the page has no Create anyway"
    return {**on_page(page), "accepted": found[1]}


def _panel(client: Client, typed: str) -> str:
    return _text(client.post(PANEL, {"order_ref": typed}))


@pytest.mark.parametrize(
    "number", [SAMPLE_REFERENCE_ID, SAMPLE_REFERENCE_ID.lower(), f" {SAMPLE_REFERENCE_ID} "]
)
def test_number_of_one_order_is_sent_to_this_order(
    as_staff: Client, sandbox: SandboxServer, number: str
) -> None:
    response = as_staff.post(NEW, posted(clean(), order=number))
    assert response.status_code == 303
    assert _creates(sandbox) == [SAMPLE_ORDER]
    submission = Submission.objects.get()
    assert (submission.order_ref, submission.order_number) == (SAMPLE_ORDER, SAMPLE_REFERENCE_ID)


def test_number_of_three_orders_is_chosen_before_anything_is_sent(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted(clean(), order=TRIPLE_REFERENCE_ID)
    page = as_staff.post(NEW, values)
    assert page.status_code == 200
    text = _text(page)
    assert f'<a href="#id_order_choice_0">3 orders have the number {TRIPLE_REFERENCE_ID}. Choose one</a>' in (
        " ".join(page.content.decode().split())
    )
    for words in ("19 October 2026, 06:45 · EUR\xa0236.40 · PURCHASED · MOBILE_APP", "CANCELLED", "REFUNDED"):
        assert " ".join(words.split()) in text
    assert _creates(sandbox) == []
    returned = on_page(page)
    assert returned["order_ref"] == TRIPLE_REFERENCE_ID
    chosen = as_staff.post(NEW, {**returned, "order_choice": CHOSEN})
    assert chosen.status_code == 303
    assert _creates(sandbox) == [CHOSEN]
    assert Submission.objects.get().order_number == TRIPLE_REFERENCE_ID
    assert _operations(sandbox).count("list_orders") == 2, "one look-up: a page, and an empty one"


def test_choice_for_another_number_does_not_count(as_staff: Client, sandbox: SandboxServer) -> None:
    choice = {"order_choice": CHOSEN, "order_choice_for": TRIPLE_REFERENCE_ID}
    as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID, **choice))
    assert _creates(sandbox) == [SAMPLE_ORDER]


def test_number_and_other_errors_show_together_and_the_number_stays_in_the_field(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    page = as_staff.post(NEW, posted(clean(last_name=""), order=SAMPLE_REFERENCE_ID))
    assert "Enter the last name" in _text(page)
    returned = on_page(page)
    assert (returned["order_ref"], returned["order_choice"]) == (SAMPLE_REFERENCE_ID, SAMPLE_ORDER)
    assert "load" in page.content.decode().split('hx-trigger="')[1].split('"')[0]
    before = len(sandbox.sandbox.requests())
    assert as_staff.post(NEW, {**returned, "last_name": "Clean"}).status_code == 303
    assert _operations(sandbox)[before:] == [CREATE]
    unknown = as_staff.post(NEW, posted(clean(last_name=""), order="NO-SUCH-1"))
    assert "No order has this number" in _text(unknown)
    assert "Enter the last name" in _text(unknown)
    assert _creates(sandbox) == [SAMPLE_ORDER]


def test_failed_lookup_sends_nothing_and_a_reference_is_sent_without_one(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("500_before", operation="list_orders", times=2))
    page = as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID))
    assert "The order number could not be looked up. Enter the order reference, or try again." in _text(page)
    assert on_page(page)["order_ref"] == SAMPLE_REFERENCE_ID
    before = len(sandbox.sandbox.requests())
    assert as_staff.post(NEW, posted(clean())).status_code == 303
    assert _operations(sandbox)[before:] == [CREATE]


def _as_from_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    real = CdpClient.list_orders

    def list_orders(self: CdpClient, *, reference_id: str, within: float) -> ListedOrders:
        return replace(real(self, reference_id=reference_id, within=within), is_whole=False)

    monkeypatch.setattr(CdpClient, "list_orders", list_orders)


@pytest.mark.sql("new")
def test_only_order_of_a_list_that_may_lack_another_one_is_offered_to_choose(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_from_a_cache(monkeypatch)
    question = f"Is this the order {SAMPLE_REFERENCE_ID}? There may be more."
    assert question in _panel(as_staff, SAMPLE_REFERENCE_ID)
    page = as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID))
    assert f"Check whether this is the order {SAMPLE_REFERENCE_ID}, and choose it. There may be more" in (
        _text(page)
    )
    assert _creates(sandbox) == []
    chosen = as_staff.post(NEW, {**on_page(page), "order_choice": SAMPLE_ORDER})
    assert (chosen.status_code, _creates(sandbox)) == (303, [SAMPLE_ORDER])


@pytest.mark.sql("repeated")
def test_orders_of_a_list_that_may_lack_another_one_are_not_counted_as_all(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_from_a_cache(monkeypatch)
    words = f"3 orders have the number {TRIPLE_REFERENCE_ID}. Choose one. There may be more"
    answer = as_staff.post(PANEL, {"order_ref": TRIPLE_REFERENCE_ID}).content.decode()
    assert f'announcement="{words}"' in answer
    assert f"{words}.</legend>" in answer
    page = as_staff.post(NEW, posted(clean(), order=TRIPLE_REFERENCE_ID)).content.decode()
    assert f'<a href="#id_order_choice_0">{words}</a>' in " ".join(page.split())
    assert f"{words}.</legend>" in page


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    "changed",
    [
        {"add": "emails"},
        {"order_choice": CHOSEN, "last_name": ""},
        {"order_choice": CHOSEN, "check": "order"},
    ],
)
def test_form_that_is_shown_again_still_says_that_there_may_be_more_orders(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    with monkeypatch.context() as patch:
        _as_from_a_cache(patch)
        page = as_staff.post(NEW, posted(clean(), order=TRIPLE_REFERENCE_ID))
    before = len(sandbox.sandbox.requests())
    for _time in range(2):
        page = as_staff.post(NEW, {**on_page(page), **changed})
        words = f"3 orders have the number {TRIPLE_REFERENCE_ID}. Choose one. There may be more."
        assert f"{words}</legend>" in page.content.decode()
    assert "list_orders" not in _operations(sandbox)[before:]


def test_choices_say_that_there_may_be_more_if_one_was_read_too_long_ago(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = on_page(as_staff.post(NEW, posted(clean(), order=TRIPLE_REFERENCE_ID)))
    for offered, end in (("", "Choose one."), (UNKNOWN_REF, "Choose one. There may be more.")):
        refs = f"{values['order_choices']} {offered}"
        page = as_staff.post(NEW, {**values, "order_choices": refs, "order_choice": CHOSEN, "add": "emails"})
        assert f"3 orders have the number {TRIPLE_REFERENCE_ID}. {end}</legend>" in page.content.decode()


@pytest.mark.sql("new")
def test_no_order_in_a_list_that_may_lack_one_is_a_failed_lookup(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_from_a_cache(monkeypatch)
    for text in (
        _panel(as_staff, "NO-SUCH-1"),
        _text(as_staff.post(NEW, posted(clean(), order="NO-SUCH-1"))),
    ):
        assert "could not be looked up" in text
        assert "No order has this number" not in text


def test_slow_lookup_ends_after_its_limit(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "LOOKUP_SECONDS", 0.3)
    sandbox.sandbox.faults.arm(Armed("slow", operation="list_orders", seconds=5))
    page = as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID))
    assert "could not be looked up" in _text(page)


@pytest.mark.parametrize(
    "typed", ["Aoife Byrne", "aoife@example.com", SAMPLE_ORDER[:-1] + "x", "?", "a" * 101]
)
def test_what_can_be_no_number_is_not_looked_up(as_staff: Client, sandbox: SandboxServer, typed: str) -> None:
    assert "Enter the order reference in full" in _text(as_staff.post(NEW, posted(clean(), order=typed)))
    _panel(as_staff, typed)
    assert sandbox.sandbox.requests() == []


def test_without_lookups_only_references_are_accepted(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_ORDER_PAGES = False
    page = as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID))
    assert "Enter the order reference in full" in _text(page)
    assert as_staff.post(PANEL, {"order_ref": SAMPLE_ORDER}).status_code == 404
    form = as_staff.get(NEW).content.decode()
    assert "data-order-panel" not in form
    assert "The order could not be checked. You can continue." in form
    assert sandbox.sandbox.requests() == []


def test_too_many_lookups_are_refused(as_staff: Client, sandbox: SandboxServer, settings: Settings) -> None:
    settings.SEARCHES_PER_HOUR = 1
    as_staff.post(NEW, posted(clean(last_name=""), order=SAMPLE_REFERENCE_ID))
    page = as_staff.post(NEW, posted(clean(last_name=""), order=SAMPLE_REFERENCE_ID))
    assert "You have searched too often" in _text(page)
    assert "You have searched too often" in _panel(as_staff, SAMPLE_REFERENCE_ID)
    assert _operations(sandbox).count("list_orders") == 2  # the page with the order, and an empty one


def test_limit_of_searches_does_not_stop_a_create(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.SEARCHES_PER_HOUR = 1
    _panel(as_staff, TRIPLE_REFERENCE_ID)
    assert as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID)).status_code == 303
    assert _creates(sandbox) == [SAMPLE_ORDER]


@pytest.mark.parametrize("number", ["NO-SUCH-1", TRIPLE_REFERENCE_ID], ids=["no order", "several"])
def test_complete_entry_does_not_search_beyond_the_limit(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, number: str
) -> None:
    settings.SEARCHES_PER_HOUR = 2
    found = [_text(as_staff.post(NEW, posted(clean(), order=number))) for _ in range(3)]
    assert ["You have searched too often" in text for text in found] == [False, False, True]
    assert "have the number" not in found[2]
    assert "No order has this number" not in found[2]
    assert as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID)).status_code == 303


def test_lookup_for_an_entry_that_is_not_sent_counts_as_a_search(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.SEARCHES_PER_HOUR = 1
    warned = posted(clean(emails=()), order=SAMPLE_REFERENCE_ID)
    assert 'name="accepted"' in as_staff.post(NEW, warned).content.decode()
    assert "You have searched too often" in _panel(as_staff, SAMPLE_REFERENCE_ID)


def test_lookup_of_a_create_may_take_the_slot_of_creates(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    with lookup_slots_taken(settings):
        assert "could not be looked up" in _panel(as_staff, SAMPLE_REFERENCE_ID)
        assert as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID)).status_code == 303
    assert _creates(sandbox) == [SAMPLE_ORDER]


def test_form_that_was_sent_finds_its_submission_without_a_lookup(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted(clean(), order=SAMPLE_REFERENCE_ID)
    receipt = as_staff.post(NEW, values)["Location"]
    sandbox.sandbox.faults.arm(Armed("500_before", operation="list_orders", times=99))
    for same in (SAMPLE_REFERENCE_ID, SAMPLE_REFERENCE_ID.lower()):
        assert as_staff.post(NEW, {**values, "order_ref": same})["Location"] == receipt
    # Another person typed into the same form: nothing is sent, and the field keeps what was typed.
    page = as_staff.post(NEW, {**values, "last_name": "Other", "order_ref": TRIPLE_REFERENCE_ID})
    assert "Nothing was sent" in _text(page)
    assert on_page(page)["order_ref"] == TRIPLE_REFERENCE_ID
    assert on_page(page)["token"] != values["token"]
    assert _creates(sandbox) == [SAMPLE_ORDER]


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.UNKNOWN])
def test_form_that_was_sent_is_not_answered_for_another_number(
    as_staff: Client, staff: User, sandbox: SandboxServer, outcome: Outcome
) -> None:
    if outcome == Outcome.UNKNOWN:
        sandbox.sandbox.faults.arm(Armed("reset_after", operation=CREATE))
    sent = posted(clean(), order=SAMPLE_REFERENCE_ID)
    as_staff.post(NEW, sent)
    submission = Submission.objects.get()
    assert submission.outcome == outcome
    mark = drafts.save(DraftMark.new(), {"order_ref": FAMILY_NUMBER}, person_id=staff.pk)
    before = len(sandbox.sandbox.requests())
    changed = {**sent, "order_ref": FAMILY_NUMBER, "draft": str(mark)}
    page = as_staff.post(NEW, changed)
    assert page.status_code == 200
    assert "Nothing was sent" in _text(page)
    assert f'href="/submissions/{submission.public_id}/"' in page.content.decode()
    again = on_page(page)
    assert (again["order_ref"], again["last_name"], again["draft"]) == (FAMILY_NUMBER, "Clean", str(mark))
    assert again["token"] != sent["token"]
    assert _operations(sandbox)[before:] == []
    [event] = events("submission.repeat_blocked")
    assert event.details == {"why": "form_used_for_another_entry"}
    assert event.submission == str(submission.public_id)
    assert drafts.drafts_of(staff.pk).count() == 1
    assert as_staff.post(NEW, again).status_code == 303
    assert _creates(sandbox) == [SAMPLE_ORDER, FAMILY_ORDER]
    assert not drafts.drafts_of(staff.pk).exists()


def test_form_that_was_sent_is_looked_up_if_the_number_of_its_order_is_not_known(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sent = posted(clean(), order=SAMPLE_ORDER)
    receipt = as_staff.post(NEW, sent)["Location"]
    assert Submission.objects.get().order_number == ""
    assert as_staff.post(NEW, {**sent, "order_ref": SAMPLE_REFERENCE_ID})["Location"] == receipt
    page = as_staff.post(NEW, {**sent, "order_ref": FAMILY_NUMBER})
    assert "Nothing was sent" in _text(page)
    assert on_page(page)["token"] != sent["token"]
    whys = [event.details["why"] for event in events("submission.repeat_blocked")]
    assert whys == ["same_form_again", "form_used_for_another_entry"]
    assert _creates(sandbox) == [SAMPLE_ORDER]


def test_form_that_was_sent_shows_the_errors_of_another_entry_first(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sent = posted(clean(), order=SAMPLE_REFERENCE_ID)
    as_staff.post(NEW, sent)
    page = as_staff.post(NEW, {**sent, "order_ref": FAMILY_NUMBER, "last_name": ""})
    assert "Enter the last name" in _text(page)
    assert (on_page(page)["token"], on_page(page)["order_choice"]) == (sent["token"], FAMILY_ORDER)
    page = as_staff.post(NEW, {**on_page(page), "last_name": "Clean"})
    assert "Nothing was sent" in _text(page)
    assert on_page(page)["order_ref"] == FAMILY_NUMBER
    assert _creates(sandbox) == [SAMPLE_ORDER]


def test_panel_shows_the_order_and_who_added_each_consumer(as_staff: Client, sandbox: SandboxServer) -> None:
    as_staff.post(NEW, posted(clean(), order=FAMILY_ORDER))
    submission = Submission.objects.get()
    page = as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
    text = _text(page)
    for words in (
        "Order B4LNDQ-1", "1 October 2026, 18:05 · Example Airways · PURCHASED", "4 consumers",
        "Ingrid Lindqvist , born 9 May 1971", "Ida Clean · by Sam Person",
    ):  # fmt: skip
        assert words in text
    assert f'href="/submissions/{submission.public_id}/"' in page.content.decode()
    event = AuditEvent.objects.get(action="vendor_record.viewed")
    data = json.loads(event.data) if isinstance(event.data, str) else event.data
    assert len(data.pop("consumers")) == 4
    data.pop("guests", None)
    data.pop("guest_count", None)
    assert (event.order_ref, data) == (FAMILY_ORDER, {"kind": "order", "result": "found", "shown": 4})


@pytest.mark.parametrize("is_decided", [True, False], ids=["decided", "contradicted"])
@pytest.mark.parametrize("has_owner", [True, False], ids=["of_another", "of_nobody"])
def test_overruled_late_answer_does_not_say_who_added_a_consumer(
    as_supervisor: Client,
    staff: User,
    supervisor: User,
    sandbox: SandboxServer,
    is_decided: bool,
    has_owner: bool,
) -> None:
    ref, sid = consumer_ref(FAMILY_ORDER, GUESTS_SHARING_EMAIL[0]), make_person("sid", "staff")
    if has_owner:
        store(staff, Outcome.CREATED, clean(), order=FAMILY_ORDER, consumer_ref=ref)
    late = store(
        sid, Outcome.NOT_CREATED, clean(first_name="Ben"), order=FAMILY_ORDER, **resolved_by(supervisor),
        late_outcome=Outcome.CREATED, late_consumer_ref=ref, contradicted=not is_decided,
    )  # fmt: skip
    is_named = not is_decided and not has_owner
    panel = as_supervisor.post(PANEL, {"order_ref": FAMILY_ORDER})
    for page in (panel, as_supervisor.get(f"/orders/{FAMILY_ORDER}/")):
        text = _text(page)
        assert (f"by {staff.name}" in text, f"by {sid.name}" in text) == (has_owner, is_named)
        assert (str(late.public_id) in page.content.decode()) == is_named


def test_panel_of_a_number_brings_the_order_with_it(as_staff: Client, sandbox: SandboxServer) -> None:
    page = as_staff.post(PANEL, {"order_ref": SAMPLE_REFERENCE_ID})
    values = {**posted(clean(), order=SAMPLE_REFERENCE_ID), **on_page(page)}
    before = len(sandbox.sandbox.requests())
    assert as_staff.post(NEW, values).status_code == 303
    assert _operations(sandbox)[before:] == [CREATE]
    assert _creates(sandbox) == [SAMPLE_ORDER]


@pytest.mark.parametrize(
    ("typed", "warning"),
    [
        (CANCELLED_ORDER, "This order has the status CANCELLED."),
        (UNKNOWN_REF, "Sitecore CDP has no order with this reference. It may belong to another organisation"),
        (
            f"https://api-engage-us.sitecorecloud.io/v2.1/orders/{UNKNOWN_REF}",
            "This link is from another region of Sitecore CDP than this portal.",
        ),
        ("NO-SUCH-1", "No order has this number."),
    ],
)
def test_doubtful_order_has_one_warning(
    as_staff: Client, sandbox: SandboxServer, typed: str, warning: str
) -> None:
    page = as_staff.post(PANEL, {"order_ref": typed}).content.decode()
    assert page.count('class="warning-feedback"') == 1
    assert warning in page


def test_panel_of_an_order_that_cannot_be_read_says_so(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.arm(Armed("500_before", operation="retrieve_order", times=2))
    assert "The order could not be checked. You can continue." in _panel(as_staff, SAMPLE_ORDER)
    sandbox.sandbox.faults.arm(Armed("500_before", operation="list_order_consumers", times=2))
    text = _panel(as_staff, SAMPLE_ORDER)
    assert "Order B94TXY-1" in text
    assert "The consumers of this order could not be read." in text


@pytest.mark.parametrize(
    ("typed", "operation", "failure"),
    [
        (SAMPLE_ORDER, "retrieve_order", "The order could not be checked. You can continue."),
        (SAMPLE_REFERENCE_ID, "list_orders", "Enter the order reference, or try again."),
    ],
)
def test_failed_panel_has_a_control_that_checks_again(
    as_staff: Client, sandbox: SandboxServer, typed: str, operation: str, failure: str
) -> None:
    sandbox.sandbox.faults.arm(Armed("500_before", operation=operation, times=4))
    with_script = _panel(as_staff, typed)
    assert failure in with_script
    assert "Check again" in with_script
    page = as_staff.post(NEW, posted(clean(), order=typed, check="order")).content.decode()
    assert failure in page
    [panel] = re.findall("<div data-order-panel-content>(.*?)</div>", page, re.DOTALL)
    assert "Check again" not in panel  # without a script it would do nothing
    [without_script] = re.findall("<noscript>(<button.*?)</noscript>", page)
    assert "Check order" in without_script
    assert "Check again" not in _panel(as_staff, typed)


def test_panel_shows_the_guest_and_does_without_if_it_cannot_be_read(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("500_before", operation="search_guests", times=2))
    text = _panel(as_staff, FAMILY_ORDER)
    assert "3 consumers" in text
    assert "Guest:" not in text
    assert "The guest of this order was not read." in text
    assert "was not read" in _panel(as_staff, FAMILY_ORDER)  # from the stored reading
    OrderReading.objects.all().delete()
    link = f'href="/guests/{GUESTS_SHARING_EMAIL[0]}/"'
    for calls in (4, 0):  # the second time from the stored reading
        before = len(sandbox.sandbox.requests())
        page = as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
        assert "Guest: Sven Lindqvist" in _text(page)
        assert link in page.content.decode()
        assert "was not read" not in _text(page)
        assert len(sandbox.sandbox.requests()) - before == calls
    assert b"Sven" not in bytes(OrderReading.objects.get().encrypted_data)
    _panel(as_staff, "B4LNDQ-1")  # a search reads only the order: the guest stays
    [guest, *_others] = OrderReading.objects.get().guests or ()
    assert guest.name == "Sven Lindqvist"


def test_panel_that_reads_less_keeps_what_an_earlier_one_read_under_its_time(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"list_items": "refs"})
    assert "3 consumers" in _panel(as_staff, FAMILY_ORDER)
    earlier = clock.now() - datetime.timedelta(minutes=4)
    OrderReading.objects.update(read_at=earlier)
    before = OrderReading.objects.get()
    faults = sandbox.sandbox.faults
    faults.arm(Armed("500_before", operation="retrieve_order_consumer", times=9))
    faults.arm(Armed("500_before", operation="search_guests", times=2))
    assert "0 of 3 read" in _panel(as_staff, FAMILY_ORDER)
    after = OrderReading.objects.get()
    assert (after.listed, after.guests, after.read_at) == (before.listed, before.guests, earlier)
    faults.clear()
    assert "3 consumers" in _panel(as_staff, FAMILY_ORDER)
    assert OrderReading.objects.get().read_at > earlier  # nothing is from the earlier one


def test_panel_that_reads_less_is_not_deleted_with_an_earlier_one_that_is_nearly_over(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"list_items": "refs"})
    add_elsewhere(order=CANCELLED_ORDER)
    assert "1 consumer" in _panel(as_staff, CANCELLED_ORDER)
    OrderReading.objects.update(read_at=clock.now() - datetime.timedelta(minutes=9, seconds=50))
    sandbox.sandbox.faults.arm(Armed("500_before", operation="retrieve_order_consumer", times=9))
    assert "0 of 1 read" in _panel(as_staff, CANCELLED_ORDER)
    OrderReading.objects.update(read_at=F("read_at") - datetime.timedelta(seconds=20))
    page = as_staff.post(NEW, posted(clean(), order=CANCELLED_ORDER))
    assert "This order has the status CANCELLED." in _text(page)


def test_order_that_is_read_without_its_consumers_is_not_deleted_with_a_reading_that_is_nearly_over(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(order=CANCELLED_ORDER)
    _panel(as_staff, CANCELLED_ORDER)
    OrderReading.objects.update(read_at=clock.now() - datetime.timedelta(minutes=9, seconds=50))
    sandbox.sandbox.faults.arm(Armed("500_before", operation="list_order_consumers", times=9))
    _panel(as_staff, CANCELLED_ORDER)
    OrderReading.objects.update(read_at=F("read_at") - datetime.timedelta(seconds=20))
    page = as_staff.post(NEW, posted(clean(), order=CANCELLED_ORDER))
    assert "This order has the status CANCELLED." in _text(page)


@pytest.mark.parametrize(("minutes", "are_kept"), [(4, True), (6, False)])
def test_guests_that_cannot_be_read_again_stay_unless_the_earlier_reading_is_nearly_over(
    as_staff: Client, sandbox: SandboxServer, minutes: int, are_kept: bool
) -> None:
    _panel(as_staff, FAMILY_ORDER)
    earlier = clock.now() - datetime.timedelta(minutes=minutes)
    OrderReading.objects.update(read_at=earlier)
    sandbox.sandbox.faults.arm(Armed("500_before", operation="search_guests", times=2))
    _panel(as_staff, FAMILY_ORDER)
    reading = OrderReading.objects.get()
    assert (reading.guests is not None, reading.read_at == earlier) == (are_kept, are_kept)


def test_panel_of_a_large_order_says_how_many_were_read(as_staff: Client, sandbox: SandboxServer) -> None:
    [large] = [ref for ref, size in CROWDED_ORDERS.items() if size == 500]
    assert "500 consumers" in _panel(as_staff, large)
    OrderReading.objects.all().delete()
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"list_items": "refs"})
    assert "25 of 500 read" in _panel(as_staff, large)


def test_cancelled_order_is_a_warning_once_and_recorded(as_staff: Client, sandbox: SandboxServer) -> None:
    as_staff.post(PANEL, {"order_ref": CANCELLED_ORDER})
    page = as_staff.post(NEW, posted(clean(), order=CANCELLED_ORDER))
    assert "This order has the status CANCELLED." in _text(page)
    assert _creates(sandbox) == []
    assert as_staff.post(NEW, _anyway(page)).status_code == 303
    event = AuditEvent.objects.get(action="consumer.create_requested")
    data = json.loads(event.data) if isinstance(event.data, str) else event.data
    assert data["overridden"] == ["cancelled_order"]


@pytest.mark.sql("new")
def test_create_anyway_for_one_cancelled_order_does_not_confirm_another(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    as_staff.post(PANEL, {"order_ref": CANCELLED_ORDER})
    accepting = _anyway(as_staff.post(NEW, posted(clean(), order=CANCELLED_ORDER)))
    other = ORDERS_WITH_TRIPLE_REFERENCE_ID[0]
    as_staff.post(PANEL, {"order_ref": other})
    OrderReading.objects.exclude(order_key=reference_key(other)).delete()
    row = OrderReading.objects.get()
    row.set_data(Order(ref=other, status="CANCELLED"), row.listed)
    row.save()
    page = as_staff.post(NEW, {**accepting, "order_ref": other})
    assert "This order has the status CANCELLED." in _text(page)
    assert _creates(sandbox) == []
    row.set_data(Order(ref=other, status="REFUNDED"), row.listed)
    row.save()
    assert "This order has the status REFUNDED." in _text(as_staff.post(NEW, _anyway(page)))
    assert _creates(sandbox) == []


def test_unread_cancelled_order_is_sent_without_a_warning(as_staff: Client, sandbox: SandboxServer) -> None:
    assert as_staff.post(NEW, posted(clean(), order=CANCELLED_ORDER)).status_code == 303


@pytest.mark.sql("new")
@pytest.mark.parametrize(("is_whole", "lists"), [(True, 0), (False, 2)])
def test_create_uses_the_list_of_the_panel_if_it_is_whole(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, is_whole: bool, lists: int
) -> None:
    settings.CDP_RECONCILIATION = True
    as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
    OrderReading.objects.update(is_whole=is_whole)
    before = len(sandbox.sandbox.requests())
    assert as_staff.post(NEW, posted(clean(), order=FAMILY_ORDER)).status_code == 303
    assert _operations(sandbox)[before:] == ["list_order_consumers"] * lists + [CREATE]
    submission = Submission.objects.get()
    assert len(submission.refs_before or []) == 3
    assert submission.refs_before_whole
    # The next create reads anew: the first one has changed the list.
    before = len(sandbox.sandbox.requests())
    as_staff.post(NEW, posted(clean(last_name="Other", first_name="Ben"), order=FAMILY_ORDER))
    assert _operations(sandbox)[before:] == ["list_order_consumers", "list_order_consumers", CREATE]
    assert len(Submission.objects.order_by("-id")[0].refs_before or []) == 4


def test_check_order_shows_the_panel_and_sends_nothing(as_staff: Client, sandbox: SandboxServer) -> None:
    values = posted(clean(), order=TRIPLE_REFERENCE_ID, check="order")
    page = as_staff.post(NEW, values)
    assert f"3 orders have the number {TRIPLE_REFERENCE_ID}" in _text(page)
    before = len(sandbox.sandbox.requests())
    page = as_staff.post(NEW, {**on_page(page), "order_choice": CHOSEN, "check": "order"})
    assert f"Order {TRIPLE_REFERENCE_ID}" in _text(page)
    assert "list_orders" not in _operations(sandbox)[before:]
    returned = on_page(page)
    assert (returned["order_ref"], returned["order_choice"]) == (TRIPLE_REFERENCE_ID, CHOSEN)
    assert page.content.decode().count('type="radio" class="form-check-input" name="order_choice"') == 3
    assert returned["last_name"] == "Clean"
    assert _creates(sandbox) == []


@pytest.mark.parametrize(
    "button",
    [
        {"add": "emails"},
        {"remove": "phone_numbers-0"},
        {"paste": "discard", "paste_text": "x"},
        {"paste": "read", "paste_text": "Last name\tCity\nOther\tCork"},
    ],
)
def test_choice_survives_buttons_that_change_the_form(
    as_staff: Client, sandbox: SandboxServer, button: dict[str, str]
) -> None:
    page = as_staff.post(NEW, posted(clean(), order=TRIPLE_REFERENCE_ID))
    page = as_staff.post(NEW, {**on_page(page), "order_choice": CHOSEN, **button})
    assert page.status_code == 200
    returned = {name: value for name, value in on_page(page).items() if not name.startswith("paste")}
    assert len(returned["order_choices"].split()) == 3
    assert as_staff.post(NEW, {**returned, "paste_text": ""}).status_code == 303
    assert _creates(sandbox) == [CHOSEN]


def test_check_order_is_no_create_while_the_paste_box_has_a_text(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    values = posted(clean(), order=FAMILY_ORDER, check="order")
    page = as_staff.post(NEW, {**values, "paste_text": "Last name\tCity\nOther\tCork"})
    assert "Order B4LNDQ-1" in _text(page)
    assert "the pasted text is not filled in" not in _text(page)
    assert "Other" in page.content.decode()
    page = as_staff.post(NEW, {**posted(clean()), "paste": "read", "paste_text": "Order\tLast name\nA-1\tX"})
    assert '<option value="order_ref" selected>Order</option>' in page.content.decode()


def test_panel_of_a_chosen_order_shows_it_and_leaves_the_choices(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    offered = as_staff.post(PANEL, {"order_ref": TRIPLE_REFERENCE_ID})
    assert 'id="order-choices" hx-swap-oob="innerHTML"' in offered.content.decode()
    cancelled = ORDERS_WITH_TRIPLE_REFERENCE_ID[1]
    before = len(sandbox.sandbox.requests())
    values = {"order_ref": TRIPLE_REFERENCE_ID, **on_page(offered), "order_choice": cancelled}
    page = as_staff.post(PANEL, values)
    assert f"Order {TRIPLE_REFERENCE_ID}" in _text(page)
    assert "This order has the status" in _text(page)
    assert "hx-swap-oob" not in page.content.decode()
    assert _operations(sandbox)[before:] == ["retrieve_order", "list_order_consumers", "search_guests"]
    # A chosen order stops once with its warning, as any other.
    page = as_staff.post(NEW, {**posted(clean(), order=TRIPLE_REFERENCE_ID), **values})
    assert "This order has the status" in _text(page)
    assert on_page(page)["order_choice"] == cancelled
    assert as_staff.post(NEW, _anyway(page)).status_code == 303
    assert _creates(sandbox) == [cancelled]


def test_panel_announces_one_line_without_the_names(as_staff: Client, sandbox: SandboxServer) -> None:
    page = as_staff.post(PANEL, {"order_ref": FAMILY_ORDER}).content.decode()
    assert 'data-order-announcement="Order B4LNDQ-1, PURCHASED, 3 consumers"' in page
    page = as_staff.post(PANEL, {"order_ref": TRIPLE_REFERENCE_ID}).content.decode()
    assert f'announcement="3 orders have the number {TRIPLE_REFERENCE_ID}. Choose one"' in page
    assert "aria-live" not in as_staff.get(NEW).content.decode().split('class="order-beside"')[1][:400]


def test_panel_needs_the_permission_and_a_post(client: Client, as_staff: Client) -> None:
    assert as_staff.get(PANEL).status_code == 405
    assert client.post(PANEL, {"order_ref": SAMPLE_ORDER}).status_code == 401


def test_lists_and_recent_orders_show_the_number(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    assert as_staff.post(NEW, posted(clean(), order=SAMPLE_REFERENCE_ID)).status_code == 303
    assert as_staff.post(NEW, posted(clean(), order=FAMILY_ORDER)).status_code == 303
    assert SAMPLE_REFERENCE_ID in _text(as_staff.get("/submissions/"))
    recent = selectors.recent_orders(str(staff.pk), limit=5)
    assert [(one.order_ref, one.order_number) for one in recent] == [
        (FAMILY_ORDER, ""),
        (SAMPLE_ORDER, SAMPLE_REFERENCE_ID),
    ]
    with CaptureQueriesContext(connection) as queries:
        selectors.recent_orders(str(staff.pk), limit=5)
    assert len(queries) == 1


@pytest.mark.sql("new")
def test_expired_readings_are_deleted_by_the_worker(as_staff: Client, sandbox: SandboxServer) -> None:
    as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
    worker = Worker(threading.Event())
    worker.duties["delete_expired_readings"]()
    assert OrderReading.objects.count() == 1
    OrderReading.objects.update(read_at=clock.now() - datetime.timedelta(minutes=11))
    worker.duties["delete_expired_readings"]()
    assert not OrderReading.objects.exists()
