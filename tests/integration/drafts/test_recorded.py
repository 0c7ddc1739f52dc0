"""Which events and which lines of the access report come from drafts."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import Draft, OrderReading, Outcome, Submission
from apps.consumers.order_lookup.readings import find_reading
from apps.core import clock
from apps.privacy.exports import Uncertainty
from apps.privacy.report import Report
from apps.privacy.subjects import of_consumer, of_guest
from apps.privacy.verdicts import AccessVerdict
from sandbox.data.seed import FAMILY_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support import personal_rows
from tests.support.draft_tabs import NEW, Tab, open_draft, open_for, saved_values
from tests.support.entries import FULL, clean, on_page, posted, store, text
from tests.support.people import PASSWORD, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_what_shows_the_details_of_a_submission_again_is_recorded(as_staff: Client, staff: User) -> None:
    """The list of drafts names the consumer, unless typed over; the draft and a sealed entry show all."""
    one = store(staff, Outcome.REJECTED, clean(first_name="Ida", last_name="Zorn"))
    tab = Tab(as_staff, f"?from={one.public_id}")
    values = {**tab.form, "draft_from": str(one.public_id)}
    tab.save(values)
    before = len(events("submission.viewed"))
    open_draft(as_staff, tab.mark.public_id)  # without the submission, as when it is corrected no longer
    open_for(as_staff, tab.mark.public_id, one)
    assert len(events("submission.viewed")) == before + 2
    as_staff.get("/")
    assert len(events("submissions.listed")) == 2  # the latest submissions, and the drafts
    assert events("submissions.listed")[-1].details["rows"] == [str(one.pk)]
    tab.save({**values, "first_name": "Eva", "last_name": "Other"})
    listed = len(events("submissions.listed"))
    as_staff.get("/")
    assert len(events("submissions.listed")) == listed + 1
    gone = Client()
    gone.post(f"{NEW}?from={one.public_id}", on_page(as_staff.get(f"{NEW}?from={one.public_id}")))
    gone.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    before = len(events("submission.viewed"))
    assert "Zorn" in text(gone.get(f"{NEW}?from={one.public_id}"))
    assert len(events("submission.viewed")) == before + 1


@pytest.mark.sql("new")
def test_draft_with_details_of_a_consumer_that_was_read_long_ago_is_in_the_access_report(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    """The reading of the order is deleted after ten minutes; the draft has its details for weeks."""
    as_staff.post("/orders/panel/", {"order_ref": FAMILY_ORDER})
    reading = find_reading(FAMILY_ORDER)
    assert reading is not None
    assert reading.listed is not None
    one = reading.listed.consumers[0]
    tab = Tab(as_staff)
    copying = {"copy": f"consumer:{FAMILY_ORDER}/{one.ref}", "token": tab.form["token"]}
    copied = as_staff.post(NEW, {**posted(clean(last_name="")), **copying, "draft": str(tab.mark)})
    assert on_page(copied)["last_name"] == one.last_name
    tab.save(on_page(copied))
    OrderReading.objects.all().delete()
    for address in (f"{NEW}?draft={tab.mark.public_id}", "/"):
        before = len(events("vendor_record.viewed"))
        assert one.last_name in text(as_staff.get(address))
        [shown] = events("vendor_record.viewed")[before:]
        assert shown.details["result"] == "copied"
        assert shown.details["consumers"] == [one.ref]
        for subject in (of_consumer(one.ref), of_guest(one.guest_ref)):
            line = next(line for line in Report(subject).lines() if line.event.seq == shown.seq)
            assert (line.verdict, line.uncertainty) == (AccessVerdict.POSSIBLE, Uncertainty.COPIED_BEFORE)
    # A page that is saved again still says whose details it has.
    again = open_draft(as_staff, tab.mark.public_id)
    again.save(first_name="Other")
    assert saved_values()[0]["carry-from"] == copying["copy"]


@pytest.mark.sql("new")
def test_draft_with_a_key_of_somebody_that_nobody_has_seen_records_nothing(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save({"last_name": "Typed", "carry-from": f"consumer:{FAMILY_ORDER}/{uuid.uuid4()}"})
    open_draft(as_staff, tab.mark.public_id)
    as_staff.get("/")
    assert events("vendor_record.viewed") == []


@pytest.mark.sql("new")
def test_drafts_of_more_submissions_than_an_event_names_are_all_recorded(
    as_staff: Client, staff: User, settings: Settings
) -> None:
    settings.DRAFTS_PER_PERSON = 60
    one = store(staff, Outcome.REJECTED, submitted_at=clock.now() - dt.timedelta(days=1))
    shown = _copies(one, range(one.pk + 2, one.pk + 2 + 2 * 51, 2))
    made = []
    for earlier in shown:
        draft = Draft(person=staff, page=uuid.uuid4(), version=1, saved_at=clock.now())
        draft.set_values({"last_name": FULL.last_name, "draft_from": str(earlier.public_id)})
        made.append(draft)
    Draft.objects.bulk_create(made)
    latest = len(events("submissions.listed"))
    assert as_staff.get("/").status_code == 200
    _latest, *listed = [event.details for event in events("submissions.listed")[latest:]]
    assert [one["count"] for one in listed] == [50, 1]
    assert [row for one in listed for row in one["rows"]] == [str(one.pk) for one in shown]


def _copies(one: Submission, pks: Iterable[int]) -> list[Submission]:
    """Submissions of the same consumer, with these primary keys."""
    made = []
    for pk in pks:
        copy = Submission.objects.get(pk=one.pk)
        copy.pk, copy.public_id, copy.token = pk, uuid.uuid4(), uuid.uuid4()
        copy.consumer = FULL
        made.append(copy)
    return Submission.objects.bulk_create(made)


@pytest.mark.sql("new")
def test_nothing_about_a_draft_is_recorded_and_nothing_in_it_is_readable(as_staff: Client) -> None:
    tab = Tab(as_staff)
    before = AuditEvent.objects.count()
    tab.save(last_name="Hiddenname", order_ref="Hiddenorder", passport_number="Hiddenpass")
    open_draft(as_staff, tab.mark.public_id)
    as_staff.post(f"/consumers/drafts/{tab.mark.public_id}/discard/")
    tab = Tab(as_staff)
    tab.save(last_name="Hiddenname", order_ref="Hiddenorder", passport_number="Hiddenpass")
    assert AuditEvent.objects.count() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM consumers_draft")
        rows = [
            bytes(one) if isinstance(one, memoryview) else one for row in cursor.fetchall() for one in row
        ]
    assert b"hidden" not in repr(rows).lower().encode()
    [draft] = Draft.objects.filter(is_finished=False)
    assert "Hiddenname" in personal_rows.describe(draft)[0].text
    token = tab.form["token"]
    assert token not in personal_rows.describe(draft)[0].text
