"""Who may ask about whom, how the question is entered, and that its value gets into no address or log."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import ROLES
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.person_limits import Act
from apps.consumers import recording
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED
from apps.consumers.models import Outcome, RecordedSearch, Submission
from apps.privacy import subjects
from tests.support.access_report import FILE, PAGE, PASSPORT, downloaded
from tests.support.entries import FULL, REF, store, text
from tests.support.people import acting, events, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("role", [*ROLES])
def test_only_auditors_and_administrators_may_ask(role: str) -> None:
    client = Client()
    client.force_login(make_person("wanda", role))
    allowed = role in ("auditor", "administrator")
    assert client.get(PAGE).status_code == (200 if allowed else 403)
    assert client.post(PAGE, PASSPORT).status_code == (303 if allowed else 403)
    assert client.post(f"{FILE}?consumer={REF}").status_code == (200 if allowed else 403)
    assert RecordedSearch.objects.exists() is allowed


@pytest.mark.sql("repeated")
def test_auditor_finds_who_saw_a_passport(
    as_auditor: Client, as_supervisor: Client, supervisor: User, one: Submission
) -> None:
    as_supervisor.get(reverse("history:submissions"), {"period": "all"}, REMOTE_ADDR="192.0.2.7")
    as_supervisor.get(reverse("consumers:receipt", args=[one.public_id]))
    as_supervisor.post(reverse("history:submissions"), {"search-passport": FULL.passport_number}, follow=True)
    shown = text(as_auditor.post(PAGE, PASSPORT, follow=True))
    assert "3 showed the data, 0 could have, 2 searched for it" in shown
    assert supervisor.name in shown
    assert "192.0.2.7" in shown
    assert "Submission opened" in shown
    for value in (FULL.passport_number, FULL.last_name, *FULL.emails):
        assert value not in shown


@pytest.mark.sql("repeated")
def test_value_is_in_no_address_log_or_event(
    as_auditor: Client, one: Submission, caplog: pytest.LogCaptureFixture
) -> None:
    answer: Any = as_auditor.post(PAGE, PASSPORT)
    found = as_auditor.get(answer["Location"])
    file = downloaded(as_auditor, answer["Location"].replace(PAGE, FILE))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        contents = b"".join(archive.read(name) for name in archive.namelist()).decode()
    places = [
        answer["Location"], str(found.headers), found.content.decode(), contents, caplog.text,
        *(str(vars(event)) for event in AuditEvent.objects.all()),
    ]  # fmt: skip
    value = FULL.passport_number.lower()
    assert [place[:100] for place in places if value in place.lower()] == []
    [searched] = events("access_report.searched")
    [viewed] = events("access_report.viewed")
    assert searched.details == {"search": str(RecordedSearch.objects.get().public_id), "by": ["passport"]}
    assert (viewed.details["about"], viewed.details["count"]) == ("search", 1)


@pytest.mark.sql("repeated")
def test_search_of_another_person_opens_no_report(
    as_auditor: Client, as_administrator: Client, one: Submission
) -> None:
    answer: Any = as_auditor.post(PAGE, PASSPORT)
    shown = text(as_administrator.get(answer["Location"]))
    assert "This search is not yours or no longer exists." in shown
    assert "showed the data" not in shown


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("consumer=a&guest=b", 400), ("consumer=a&search=x", 400), ("consumer=a&consumer=b", 200),
        ("consumer=a%00b", 200), ("search=x", 200), ("consumer=ord-1&since=x", 200),
        (f"consumer={'9' * 3000}", 200), ("consumer=c-1&before=x", 400),
        ("consumer=c-1&before=1&after=2", 400),
        (f"consumer=c-1&before={10**30}", 400), ("consumer=c-1&since=9000-01-01", 200), ("x=%ff", 200),
        ("consumer=c-1&since=2026-03-07&until=2026-03-06", 200), ("consumer=ida%40example.com", 200),
        ("consumer=%20", 200), ("guest=%E2%80%8B&since=2026-03-07", 200), ("search=%20", 200),
        ("consumer=%20&since=x", 200),
    ],
)  # fmt: skip
def test_odd_addresses_are_answered(as_auditor: Client, query: str, status: int) -> None:
    assert as_auditor.get(f"{PAGE}?{query}").status_code == status
    assert as_auditor.post(f"{FILE}?{query}").status_code in (200, 303, 400)


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("query", ["consumer=", "consumer=%20", "guest=%E2%80%8B", "search="])
def test_address_that_names_nobody_is_the_page_without_a_report(as_auditor: Client, query: str) -> None:
    shown = text(as_auditor.get(f"{PAGE}?{query}"))
    assert "Ask about a person" in shown
    assert "Asked by" not in shown
    answer: Any = as_auditor.post(f"{FILE}?{query}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (303, PAGE)
    assert events("access_report.viewed") == events("access_report.exported") == []


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Choose what you know of the person"),
        ({"kind": "passport"}, "Enter the reference or the value"),
        ({"kind": "consumer", "value": "ida@example.com"}, "Enter the reference of a consumer"),
        ({"kind": "consumer", "value": "https://x.example/guests/12345678"}, "This link leads to a guest."),
        ({"kind": "shoe_size", "value": "43"}, "Choose what you know of the person"),
        ({**PASSPORT, "since": "2026-03-07", "until": "2026-03-06"}, "The last day must not be before"),
    ],
)
def test_question_that_cannot_be_read_is_shown_again(
    as_auditor: Client, values: dict[str, str], message: str
) -> None:
    answer = as_auditor.post(PAGE, values)
    assert answer.status_code == 200
    assert message in text(answer)
    assert not RecordedSearch.objects.exists()


@pytest.mark.sql("repeated")
def test_searches_for_reports_are_limited(as_auditor: Client, settings: Any, one: Submission) -> None:
    settings.SEARCHES_PER_HOUR = 1
    assert as_auditor.post(PAGE, PASSPORT).status_code == 303
    assert as_auditor.post(PAGE, PASSPORT).status_code == 429
    assert [event.details["what"] for event in events("limit.reached")] == [Act.SEARCH]


@pytest.mark.sql("repeated")
def test_common_value_gets_no_report_of_a_part(
    as_auditor: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "MOST", 1)
    store(staff, Outcome.REJECTED)
    store(staff, Outcome.REJECTED)
    shown = text(as_auditor.post(PAGE, {"kind": "last_name", "value": FULL.last_name}, follow=True))
    assert "This value belongs to too many people" in shown
    assert "No event in the log names this person" not in shown


@pytest.mark.sql("repeated")
def test_kind_is_not_preselected(as_auditor: Client) -> None:
    assert '<option value="" selected>' in as_auditor.get(PAGE).content.decode()


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("kind", ["consumer", "guest"])
def test_value_that_is_no_known_reference_gets_into_no_address(as_auditor: Client, kind: str) -> None:
    answer = as_auditor.post(PAGE, {"kind": kind, "value": FULL.passport_number})
    assert answer.status_code == 200
    assert "The portal knows no such reference." in text(answer)


def test_known_reference_of_another_shape_leads_to_its_report(
    as_auditor: Client, supervisor: User, one: Submission
) -> None:
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref="Con-1")
    with transaction.atomic():
        data: dict[str, Any] = {"kind": "guest", "result": "found"}
        recording.record_shown(Event(VENDOR_RECORD_VIEWED, acting(supervisor), guest_ref="g-1", data=data))
    for kind, value in (("consumer", "con-1"), ("guest", "G-1")):
        assert as_auditor.post(PAGE, {"kind": kind, "value": value}).status_code == 303


@pytest.mark.sql("repeated")
def test_reports_by_reference_are_limited(as_auditor: Client, settings: Any) -> None:
    settings.SEARCHES_PER_HOUR = 1
    address = f"{PAGE}?consumer={uuid.uuid4()}"
    assert as_auditor.get(address).status_code == 200
    assert as_auditor.get(address).status_code == 429
    assert len(events("access_report.viewed")) == 1
