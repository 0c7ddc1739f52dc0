"""For each fault of the sandbox: the right outcome and page, the entry preserved, one wire call."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import Outcome, Submission
from apps.consumers.presenters import lists
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, creates, on_page, posted, sent, store, text

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
UNKNOWN_HEADLINE = "We do not know whether the consumer was created"
REJECTED_HEADLINE = "Rejected"


@dataclass(frozen=True, slots=True)
class End:
    """The end of a create: the stored outcome, the page's text, and whether the consumer really exists."""

    outcome: Outcome
    code: str
    status: int | None
    words: str
    there: bool


ENDS = {
    "no_answer_after": End(Outcome.UNKNOWN, "read_timeout", None, "did not answer in time", True),
    "no_answer_before": End(Outcome.UNKNOWN, "read_timeout", None, "did not answer in time", False),
    "reset_after": End(Outcome.UNKNOWN, "connection_lost", None, "ended before the answer arrived", True),
    "reset_before": End(Outcome.UNKNOWN, "connection_lost", None, "ended before the answer arrived", False),
    "500_after": End(Outcome.UNKNOWN, "http_500", 500, "answered with an error (500)", True),
    "500_before": End(Outcome.UNKNOWN, "http_500", 500, "answered with an error (500)", False),
    "503_html_after": End(Outcome.UNKNOWN, "http_503", 503, "answered with an error (503)", True),
    "503_html_before": End(Outcome.UNKNOWN, "http_503", 503, "answered with an error (503)", False),
    "no_ref": End(Outcome.UNKNOWN, "malformed_answer", 200, "could not be read", True),
    "truncated_json": End(Outcome.UNKNOWN, "malformed_answer", 200, "could not be read", True),
    "401": End(
        Outcome.REJECTED,
        "unauthorized",
        401,
        "The portal could not sign in to Sitecore CDP. Your entry is stored."
        " An administrator has to check the API credentials.",
        False,
    ),
    "403_html": End(Outcome.UNKNOWN, "unrecognised_refusal", 403, "refused the request, but not in", False),
    "404": End(Outcome.REJECTED, "not_found", 404, "Sitecore CDP has no order with this reference.", False),
    "409": End(Outcome.UNKNOWN, "http_409", 409, "answered with an error (409)", False),
    "429": End(Outcome.REJECTED, "rate_limited", 429, "Send it again in a minute.", False),
    "slow": End(Outcome.CREATED, "", 200, "Consumer created", True),
}
EVENTS = {
    Outcome.CREATED: "consumer.created",
    Outcome.REJECTED: "consumer.rejected",
    Outcome.UNKNOWN: "consumer.outcome_unknown",
    Outcome.NOT_SENT: "consumer.not_sent",
}


def test_every_fault_with_its_own_order_is_covered() -> None:
    """The others are in tests/faults."""
    assert set(ENDS) == set(FAULT_ORDERS)


@pytest.fixture(params=["armed", "its order"])
def order_with(request: pytest.FixtureRequest, sandbox: SandboxServer) -> OrderWith:
    """The order on which the next create gets a fault: any order with an armed fault, or the fault's own."""
    return OrderWith(sandbox, armed=request.param == "armed")


@dataclass(frozen=True, slots=True)
class OrderWith:
    sandbox: SandboxServer
    armed: bool

    def __call__(self, fault: str) -> str:
        if not self.armed:
            return FAULT_ORDERS[fault]
        self.sandbox.sandbox.faults.arm(Armed(fault))
        return SAMPLE_ORDER


@pytest.mark.parametrize("fault", sorted(ENDS))
def test_each_fault_has_its_outcome_and_page(
    as_staff: Client, sandbox: SandboxServer, order_with: OrderWith, settings: Settings, fault: str
) -> None:
    if fault.startswith("no_answer"):
        settings.CDP_READ_TIMEOUT = 0.3
    end, order = ENDS[fault], order_with(fault)

    response = as_staff.post(NEW, posted(order=order))

    submission = Submission.objects.get()
    assert (submission.outcome, submission.error_code, submission.http_status) == (
        end.outcome,
        end.code,
        end.status,
    )
    [request] = creates(sandbox)
    assert request.fault == fault
    assert bool(sandbox.sandbox.consumers(order)) is request.done is end.there
    assert submission.consumer == FULL
    recorded = list(AuditEvent.objects.filter(submission=str(submission.public_id)).order_by("seq"))
    assert [event.action for event in recorded] == ["consumer.create_requested", EVENTS[end.outcome]]
    assert recorded[1].details.get("error_code", "") == end.code
    assert recorded[1].details.get("http_status") == end.status

    receipt = f"/submissions/{submission.public_id}/"
    assert response.status_code == 303
    if end.outcome == Outcome.REJECTED:
        assert response["Location"] == f"{NEW}?from={submission.public_id}"
        check_the_form_is_filled(as_staff, response["Location"], order, end)
    else:
        assert response["Location"] == receipt
    check_the_receipt(text(as_staff.get(receipt)), submission, end)
    assert len(creates(sandbox)) == 1


def check_the_form_is_filled(client: Client, address: str, order: str, end: End) -> None:
    page = client.get(address)
    assert page.status_code == 200
    assert end.words in text(page)
    assert sent(on_page(page)) == FULL
    assert on_page(page)["order_ref"] == order


def has_headline(page: str, headline: str) -> bool:
    """Whether the page is a receipt with this headline and the person's name."""
    return f"<span>{headline}: {FULL.first_name} {FULL.last_name}</span></h1>" in page


def check_the_receipt(page: str, submission: Submission, end: End) -> None:
    assert end.words in page
    headlines = {
        Outcome.CREATED: "Consumer created",
        Outcome.REJECTED: REJECTED_HEADLINE,
        Outcome.UNKNOWN: UNKNOWN_HEADLINE,
    }
    for outcome, headline in headlines.items():
        assert has_headline(page, headline) is (outcome == end.outcome)
    again = f'href="{NEW}?from={submission.public_id}"'
    assert (again in page) is (end.outcome == Outcome.REJECTED)
    assert ("Do not enter it again" in page) is (end.outcome == Outcome.UNKNOWN)
    if end.outcome == Outcome.UNKNOWN:
        assert "again.</a>" not in page
        assert "What happens next" in page
    for value in (FULL.passport_number, "7 March 1991", *FULL.emails, *FULL.phone_numbers, "PS-77-Zaphod"):
        assert value in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "Send it again in a minute."),
        (60, "Send it again in a minute."),
        (61, "Send it again after 7 March 2026, 23:42."),  # New York
        (1_800, "Send it again after 8 March 2026, 00:11."),
        (86_400, "Send it again after 9 March 2026, 00:41."),  # summer time has begun
    ],
)
def test_form_receipt_and_list_name_the_wait_that_the_vendor_asked_for(
    as_staff: Client, staff: User, settings: Settings, seconds: int | None, words: str
) -> None:
    settings.TIME_ZONE = "America/New_York"
    answered = datetime.datetime(2026, 3, 8, 4, 40, 30, tzinfo=datetime.UTC)
    limited = store(
        staff,
        Outcome.REJECTED,
        submitted_at=answered,
        finished_at=answered,
        error_code="rate_limited",
        http_status=429,
        retry_after=seconds,
    )
    for page in (f"{NEW}?from={limited.public_id}", f"/submissions/{limited.public_id}/"):
        assert f"Sitecore CDP received too many requests. {words}" in text(as_staff.get(page))
    assert lists.lines([limited])[0].reason == f"Sitecore CDP received too many requests. {words}"


def test_wait_of_another_answer_is_not_shown(as_staff: Client, staff: User) -> None:
    """It may be that of a proxy."""
    refused = store(staff, Outcome.REJECTED, error_code="forbidden", http_status=403, retry_after=1_800)
    assert "again after" not in text(as_staff.get(f"/submissions/{refused.public_id}/"))


def test_no_page_of_a_rejection_shows_the_client_key(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    # The sandbox's 404, like the vendor's, contains the client key in its developerMessage.
    location = as_staff.post(NEW, posted(order=FAULT_ORDERS["404"]))["Location"]
    submission = Submission.objects.get()
    for page in (as_staff.get(location), as_staff.get(f"/submissions/{submission.public_id}/")):
        assert settings.CDP_CLIENT_KEY not in text(page)
    assert settings.CDP_CLIENT_KEY not in submission.vendor_message


def test_refused_connection_sends_nothing_and_the_form_is_filled(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.stop()
    response = as_staff.post(NEW, posted())
    submission = Submission.objects.get()
    assert (submission.outcome, submission.error_code) == (Outcome.NOT_SENT, "connect_refused")
    assert (response.status_code, response["Location"]) == (303, f"{NEW}?from={submission.public_id}")
    page = as_staff.get(response["Location"])
    assert "Nothing was sent. You can send it again." in text(page)
    assert "Sitecore CDP did not accept the connection." in text(page)
    assert "as it was sent" not in text(page)
    values = on_page(page)
    assert sent(values) == FULL
    receipt = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert has_headline(receipt, "Not sent")
    assert "<p>Nothing was sent. You can send it again.</p>" in receipt
    assert "Correct and send again" in receipt
    sandbox.start()
    assert as_staff.post(response["Location"], values)["Location"].startswith("/submissions/")
    assert len(creates(sandbox)) == 1


def test_unconfigured_connection_sends_nothing(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_BASE_URL = "https://elsewhere.example"
    location = as_staff.post(NEW, posted())["Location"]
    assert Submission.objects.get().error_code == "not_configured"
    page = as_staff.get(location)
    assert "The connection to Sitecore CDP is not set up." in text(page)
    assert sent(on_page(page)) == FULL


def test_field_rejected_by_the_vendor_is_reported_at_that_field(
    as_staff: Client, settings: Settings, tmp_path: Path
) -> None:
    earlier = datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC)
    with SandboxServer(data=tmp_path / "of-1980.sqlite3", clock=lambda: earlier) as sandbox:
        settings.CDP_BASE_URL = sandbox.base_url
        location = as_staff.post(NEW, posted())["Location"]
        assert len(creates(sandbox)) == 1
    submission = Submission.objects.get()
    assert (submission.outcome, submission.error_field) == (Outcome.REJECTED, "dateOfBirth")
    response = as_staff.get(location)
    page = text(response)
    summary = "Date of birth: Sitecore CDP did not accept this value. No consumer was created."
    assert f'<a href="#id_date_of_birth">{summary}</a>' in page
    assert page.count("Sitecore CDP did not accept this value: ") == 1  # at the field, with the message
    assert sent(on_page(response)) == FULL
    receipt = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Sitecore CDP's message:" in receipt
    assert "dateOfBirth" in receipt


def test_order_missing_at_the_vendor_is_reported_at_the_order_reference(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"
    page = as_staff.get(as_staff.post(NEW, posted(order=nowhere))["Location"])
    message = "Sitecore CDP has no order with this reference. No consumer was created."
    assert f'<a href="#id_order_ref">{message}</a>' in text(page)
    assert on_page(page)["order_ref"] == nowhere


def test_same_entry_from_a_new_form_is_not_sent_again_after_an_unknown_outcome(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    order = FAULT_ORDERS["reset_after"]
    receipt = as_staff.post(NEW, posted(order=order))["Location"]
    response = as_staff.post(NEW, posted(order=order))
    assert response.status_code == 200
    assert f'href="{receipt}"' in text(response)
    assert "Create anyway" not in text(response)
    assert len(creates(sandbox)) == 1
