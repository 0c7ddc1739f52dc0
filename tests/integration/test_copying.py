"""Details are copied into the form from submissions and from consumers on an order. Nothing typed is lost."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import replace

import pytest
from django.test import Client
from django.utils.html import escape

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer
from apps.consumers.forms.lists import LISTS
from apps.consumers.models import EntryPreferences, OrderReading, Outcome, Submission
from apps.consumers.order_lookup import readings
from apps.core import clock
from sandbox.data.seed import FAMILY_ORDER, GROUP_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, Page, clean, on_page, posted, store, text, typed
from tests.support.people import events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW, PANEL = "/consumers/new/", "/orders/panel/"
EMPTY = NewConsumer(first_name="", last_name="")


def _filled(page: Page) -> dict[str, str]:
    values = typed(on_page(page))
    return {name: value for name, value in values.items() if value and not name.startswith("carry-")}


def _key(one: Submission) -> str:
    return f"submission:{one.public_id}"


def test_what_is_carried_over_is_copied_and_the_entry_keeps_its_token(as_staff: Client, staff: User) -> None:
    source = store(staff, Outcome.CREATED)
    values = posted(EMPTY, order=GROUP_ORDER, first_name="Ben", passport_number="")
    page = as_staff.post(NEW, {**values, "copy": _key(source)})
    assert _filled(page) == {
        "order_ref": GROUP_ORDER,
        "first_name": "Ben",
        "last_name": FULL.last_name,
        "nationality": FULL.nationality,
        "country": FULL.country,
        "phone_numbers-0-value": FULL.phone_numbers[0],
        "phone_numbers-1-value": FULL.phone_numbers[1],
    }
    assert on_page(page)["token"] == values["token"]
    assert escape(f"Copied from {FULL.first_name} {FULL.last_name}") in text(page)
    assert [event.submission for event in events("submission.viewed")] == [str(source.public_id)]
    assert Submission.objects.get() == source, "nothing is sent"


def test_what_was_typed_is_kept_named_and_replaced_only_on_request(as_staff: Client, staff: User) -> None:
    source = store(staff, Outcome.CREATED)
    own = clean(last_name="Own", country="NL", phone_numbers=("+31201234567",))
    page = as_staff.post(NEW, {**posted(own), "copy": _key(source)})
    kept = _filled(page)
    assert (kept["last_name"], kept["country"], kept["phone_numbers-0-value"]) == (
        "Own",
        "NL",
        "+31201234567",
    )
    assert kept["nationality"] == FULL.nationality
    assert (
        "Not copied, because you entered something else: <strong>Last name, Country, Phone numbers</strong>"
        in text(page)
    )
    values = on_page(page) | {"nationality": "Dutch"}
    replaced = _filled(as_staff.post(NEW, {**values, "copy-replace": f"last_name country {_key(source)}"}))
    assert (replaced["last_name"], replaced["country"]) == (FULL.last_name, FULL.country)
    assert (replaced["nationality"], replaced["phone_numbers-0-value"]) == ("Dutch", "+31201234567")
    # Fields that belong to one person are not replaced, whatever is posted.
    values["copy-replace"] = f"passport_number first_name {_key(source)}"
    assert _filled(as_staff.post(NEW, values))["first_name"] == own.first_name


@pytest.mark.sql("new")
def test_choice_of_fields_applies_and_can_be_changed_afterwards(as_staff: Client, staff: User) -> None:
    EntryPreferences.objects.create(person=staff, nationality=False, phone_numbers=False)
    source = store(staff, Outcome.REJECTED)
    page = as_staff.post(NEW, {**posted(EMPTY), "copy": _key(source)})
    assert _filled(page) == {"order_ref": SAMPLE_ORDER, "last_name": FULL.last_name, "country": FULL.country}
    values = {**on_page(page), "carry-nationality": "on", "carry-apply": "1"}
    assert _filled(as_staff.post(NEW, values))["nationality"] == FULL.nationality


def test_consumer_on_the_order_is_copied_from_what_was_read(as_staff: Client, sandbox: SandboxServer) -> None:
    panel = as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
    reading = OrderReading.objects.get()
    assert reading.listed is not None
    olle = next(one for one in reading.listed.consumers if one.first_name == "Olle")
    key = f"consumer:{FAMILY_ORDER}/{olle.ref}"
    assert f'name="copy" value="{key}"' in panel.content.decode()
    calls = len(sandbox.sandbox.requests())
    values = {**posted(EMPTY, order=FAMILY_ORDER), "copy": key}
    page = as_staff.post(NEW, values, headers={"Portal-Form": "in-page"})
    assert len(sandbox.sandbox.requests()) == calls, "not read again"
    filled = _filled(page)
    assert filled["last_name"] == olle.last_name == "Lindqvist"
    assert not {"first_name", "date_of_birth", "passport_number"} & filled.keys()
    event = events("vendor_record.viewed")[-1]
    assert (event.consumer_ref, event.order_ref) == (olle.ref, FAMILY_ORDER)
    assert json.loads(event.data) == {
        "kind": "order_consumer", "result": "found", "guests": [olle.guest_ref]
    }  # fmt: skip
    # Without a script the answer shows the order again.
    assert "Olle Lindqvist" in text(as_staff.post(NEW, values))


def test_consumer_with_more_phone_numbers_than_the_form_has_rows_is_copied_whole(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
    reading = OrderReading.objects.get()
    assert reading.listed is not None
    assert reading.order is not None
    numbers = tuple(f"+3120123{n:04}" for n in range(LISTS["phone_numbers"].absolute_max + 1))
    consumer = replace(reading.listed.consumers[0], phone_numbers=numbers)
    reading.set_data(reading.order, replace(reading.listed, consumers=(consumer,)), reading.guests)
    reading.save()
    values = {**posted(EMPTY, order=FAMILY_ORDER), "copy": f"consumer:{FAMILY_ORDER}/{consumer.ref}"}
    page = as_staff.post(NEW, values)
    filled = _filled(page)
    assert page.status_code == 200
    shown = [text for name, text in filled.items() if name.startswith("phone_numbers-")]
    assert tuple("; ".join(shown).split("; ")) == numbers
    answer = as_staff.post(NEW, {**on_page(page), "first_name": "Ida"})
    assert "Enter at most" in text(answer)
    assert not Submission.objects.exists()


def test_consumer_whose_order_was_read_long_ago_is_not_copied(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    as_staff.post(PANEL, {"order_ref": FAMILY_ORDER})
    reading = OrderReading.objects.get()
    assert reading.listed is not None
    key = f"consumer:{FAMILY_ORDER}/{reading.listed.refs[0]}"
    OrderReading.objects.update(read_at=clock.now() - readings.KEPT - datetime.timedelta(seconds=1))
    values = posted(clean(), order=GROUP_ORDER)
    page = as_staff.post(NEW, {**values, "copy": key}, headers={"Portal-Form": "in-page"})
    assert "Nothing was copied" in text(page)
    assert "If the person is on the order that this page shows, copy the details from there." in text(page)
    assert _filled(page)["first_name"] == clean().first_name
    # A changed choice sends nothing, even if the person is not known any more.
    page = as_staff.post(NEW, {**values, "carry-from": key, "carry-apply": "1"})
    assert page.status_code == 200
    assert not Submission.objects.exists()


@pytest.mark.sql("new")
def test_only_what_the_person_may_see_is_copied(as_staff: Client, staff: User) -> None:
    foreign = store(make_person("nora", "staff"), Outcome.CREATED, clean(last_name="Foreign"))
    keys = (
        "submission:no id",
        f"submission:{uuid.uuid4()}",
        "consumer:",
        f"consumer:{SAMPLE_ORDER}/x",
        f"consumer:{SAMPLE_ORDER}/\0",
        "consumer:\0/x",  # PostgreSQL refuses NUL, also in a query
        "",
        "x",
    )
    for key in keys:
        for name in ("copy", "copy-replace"):
            page = text(as_staff.post(NEW, {**posted(EMPTY), name: key}))
            assert "Nothing was copied" in page
    asked: tuple[dict[str, str], ...] = (
        {"copy": _key(foreign)},
        {"copy-replace": f"last_name {_key(foreign)}"},
        {"carry-from": _key(foreign), "carry-apply": "1"},
    )
    for values in asked:
        answer = as_staff.post(NEW, {**posted(EMPTY), **values})
        assert answer.status_code == 403
        assert "Foreign" not in text(answer)
    assert [event.submission for event in events("access.denied")] == [str(foreign.public_id)] * len(asked)
    assert events("submission.viewed") == []


@pytest.mark.parametrize("stored", [b"", b"not a value of this key"], ids=["erased", "unreadable"])
def test_nothing_is_copied_from_a_submission_without_details(
    as_staff: Client, staff: User, stored: bytes
) -> None:
    source = store(staff, Outcome.CREATED)
    Submission.objects.update(encrypted_consumer=stored)
    page = as_staff.post(NEW, {**posted(clean()), "copy": _key(source)})
    assert "Nothing was copied" in text(page)
    assert "Copied from" not in text(page)
    assert _filled(page)["last_name"] == clean().last_name
    assert events("submission.viewed") == []


def test_own_submissions_to_all_orders_are_listed_on_request(as_staff: Client, staff: User) -> None:
    here = store(staff, Outcome.CREATED, clean(last_name="Here"))
    elsewhere = store(staff, Outcome.REJECTED, clean(last_name="Elsewhere"), order=GROUP_ORDER)
    store(make_person("nora", "staff"), Outcome.CREATED, clean(last_name="Foreign"), consumer_ref="3")
    assert "Elsewhere" not in text(as_staff.get(NEW))
    page = as_staff.post(NEW, {**posted(EMPTY, first_name="Ben"), "copy-list": "1"})
    shown = text(page)
    for one in (here, elsewhere):
        assert f'name="copy" value="{_key(one)}"' in shown
    assert "Foreign" not in shown
    assert _filled(page)["first_name"] == "Ben"
    facts = json.loads(events("submissions.listed")[0].data)
    rows = [f"{here.pk}-{elsewhere.pk}"]
    expected = {"count": 2, "scope": "own", "first": here.pk, "last": elsewhere.pk, "rows": rows}
    assert facts == expected


def test_receipt_leads_to_a_form_for_another_order(as_staff: Client, staff: User) -> None:
    source = store(staff, Outcome.CREATED)
    address = f"{NEW}?order=&like={source.public_id}"
    assert f'href="{escape(address)}"' in text(as_staff.get(f"/submissions/{source.public_id}/"))
    page = as_staff.get(address)
    filled = _filled(page)
    assert "order_ref" not in filled
    assert filled["last_name"] == FULL.last_name
