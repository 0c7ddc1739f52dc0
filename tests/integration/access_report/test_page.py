"""What the page of a report says, and where it leads."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import may_nothing
from apps.batches.audit_events import BATCH_DOWNLOADED, BATCH_VIEWED
from apps.consumers import recording
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED
from apps.consumers.models import Outcome, Submission
from apps.history.exports import lifecycle
from apps.history.permissions import VIEW_PAST_EXPORTS
from apps.history.selection import SubmissionFilter
from apps.privacy import subjects
from apps.privacy.exports import Uncertainty
from apps.privacy.presenters import UNCERTAINTY_LABELS, VERDICT_LABELS, line_on_page
from apps.privacy.verdicts import AccessVerdict
from tests.support.access_report import FILE, PAGE, PASSPORT, downloaded, exported, made_for, of, of_list
from tests.support.entries import store, text
from tests.support.people import acting, events, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.sql("repeated")
def test_nobody_has_seen_it(as_auditor: Client) -> None:
    ref = str(uuid.uuid4())
    shown = text(as_auditor.post(PAGE, {"kind": "consumer", "value": ref}, follow=True))
    assert "No event in the log names this person" in shown
    [viewed] = events("access_report.viewed")
    assert (viewed.consumer_ref, viewed.details["count"]) == (None, 0)
    assert downloaded(as_auditor, f"{FILE}?consumer={ref}")


@pytest.mark.sql("repeated")
def test_days_bound_the_report(as_auditor: Client, as_supervisor: Client, one: Submission) -> None:
    as_supervisor.get(reverse("consumers:receipt", args=[one.public_id]))
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    assert "1 showed the data" in text(as_auditor.get(PAGE, {"consumer": ref}))
    assert "No event in the log names this person" in text(
        as_auditor.get(PAGE, {"consumer": ref, "until": "2020-01-01"})
    )


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("days", [{"since": "9000-01-01"}, {"until": "2020-01-01"}])
def test_period_without_events_hides_neither_submissions_nor_a_known_reference(
    as_auditor: Client, supervisor: User, one: Submission, days: dict[str, str]
) -> None:
    consumer, guest, nobody = (str(uuid.uuid4()) for _ in range(3))
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=consumer)
    with transaction.atomic():
        data: dict[str, Any] = {"kind": "guest", "result": "found"}
        recording.record_shown(Event(VENDOR_RECORD_VIEWED, acting(supervisor), guest_ref=guest, data=data))
    shown = text(as_auditor.get(PAGE, {"consumer": consumer, **days}))
    assert "None of the portal" not in shown
    assert f"Events of submission {one.public_id}" in shown
    assert "0 showed the data, 0 could have, 0 searched for it" in shown
    for kind, ref in (("guest", guest), ("consumer", nobody)):
        assert "None of the portal" in text(as_auditor.get(PAGE, {kind: ref, **days}))
    viewed = [(event.consumer_ref, event.guest_ref) for event in events("access_report.viewed")]
    assert viewed == [(consumer, None), (None, guest), (None, None)]


@pytest.mark.sql("repeated")
def test_report_that_shows_nothing_is_an_event(
    as_auditor: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_auditor.get(PAGE, {"consumer": str(uuid.uuid4()), "until": "2001-01-01"})
    monkeypatch.setattr(subjects, "MOST", 0)
    ref = str(uuid.uuid4())
    store(staff, Outcome.CREATED, consumer_ref=ref)
    as_auditor.get(PAGE, {"consumer": ref})
    none, too_many = events("access_report.viewed")
    assert (none.details["count"], none.details["until"], none.consumer_ref) == (0, "2001-01-01", None)
    assert (too_many.details["count"], too_many.details["result"]) == (0, "too_many")
    assert too_many.consumer_ref == ref


@pytest.mark.sql("repeated")
def test_report_says_where_the_log_begins(as_auditor: Client) -> None:
    ref = str(uuid.uuid4())
    assert "The log begins with event 1 of" in text(as_auditor.get(PAGE, {"consumer": ref}))
    with zipfile.ZipFile(io.BytesIO(downloaded(as_auditor, f"{FILE}?consumer={ref}"))) as archive:
        begins = json.loads(archive.read("report.json"))["log_begins"]
    first = AuditEvent.objects.get(seq=1)
    assert begins == {"seq": 1, "at": f"{first.at:%Y-%m-%dT%H:%M:%S.%f}Z"}


def test_list_in_a_report_leads_to_its_page_for_those_who_may_see_it(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    batch, both = uuid.uuid4(), Client()
    made_for(one, batch, 7)
    of_list(BATCH_DOWNLOADED, batch, supervisor)
    both.force_login(make_person("amy", "auditor", "supervisor"))
    link = f'href="{reverse("batches:batch", args=[batch])}"'
    assert link in text(both.post(PAGE, PASSPORT, follow=True))
    assert link not in text(as_auditor.post(PAGE, PASSPORT, follow=True))


@pytest.mark.sql("repeated")
def test_export_in_a_report_leads_to_its_page_for_those_who_may_see_it(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    made = exported(supervisor, SubmissionFilter())
    lifecycle.start(made, acting(supervisor))
    link = reverse("history:exported", args=[made.public_id])
    assert f'href="{link}"' in text(as_auditor.post(PAGE, PASSPORT, follow=True))
    [line] = of(one).lines()
    assert line_on_page(line, lambda permission: permission == VIEW_PAST_EXPORTS).page_url == link
    assert line_on_page(line, may_nothing).page_url == ""


@pytest.mark.sql("repeated")
def test_uncertainty_about_a_row_of_a_list_says_what_its_event_does_not_say(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    batch = uuid.uuid4()
    made_for(one, batch, 7)
    of_list(BATCH_VIEWED, batch, supervisor)
    shown = text(as_auditor.post(PAGE, PASSPORT, follow=True))
    assert "the event does not say that it showed this row as it was sent" in shown


@pytest.mark.sql("repeated")
def test_verdicts_have_labels() -> None:

    assert {*UNCERTAINTY_LABELS} == {*Uncertainty}
    assert {*VERDICT_LABELS} == {*AccessVerdict}
