"""The receipt: permanent, read-only, true about request and answer, only for authorised readers."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import OrderConsumer
from apps.consumers import recording
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import resolution
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import (
    FULL,
    REF,
    clean,
    creates,
    identifier_rows,
    posted,
    rows,
    store,
    text,
)
from tests.support.people import acting, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

BASE = "http://127.0.0.1:8031"
GUEST = "f6fadfa7-e5c1-4b62-9362-da5cc13da58a"
ANSWER = OrderConsumer.from_json({"ref": REF, **replace(FULL, identifiers=()).to_json()})


@pytest.fixture(autouse=True)
def _vendor(settings: Settings) -> None:
    settings.CDP_BASE_URL = BASE


def address(submission: Submission) -> str:
    return f"/submissions/{submission.public_id}/"


def row(page: str, label: str) -> str:
    """One row of the table of what was sent."""
    [found] = [part for part in page.split("<tr ")[1:] if f">{label}</th>" in part]
    return found


def test_receipt_of_a_row_of_a_list_names_the_row_and_leads_to_the_list(
    as_staff: Client, staff: User
) -> None:
    made = store(staff, Outcome.CREATED, answer=ANSWER, batch=uuid.uuid4(), batch_row=7)
    page = text(as_staff.get(address(made)))
    assert f'<a href="{reverse("batches:batch", args=[made.batch])}">Row 7 of a list</a>' in page
    own = text(as_staff.get(f"{reverse('history:submissions')}?batch={made.batch}"))
    assert f'href="{reverse("history:submissions")}?batch={made.batch}"' in page
    assert address(made) in own
    assert "List of people" not in text(as_staff.get(address(store(staff, Outcome.REJECTED))))


# --- Sent and returned values ---------------------------------------------------------------------
def test_sent_and_returned_values_are_compared_and_differences_marked(as_staff: Client, staff: User) -> None:
    other = replace(ANSWER, last_name="Beeblebrox", emails=FULL.emails[:1])
    page = text(as_staff.get(address(store(staff, Outcome.CREATED, answer=other))))
    assert "Sent and returned" in page
    assert page.count("Differs") == 2
    for label in ("Last name", "Email addresses"):
        assert "Differs" in row(page, label)
        assert 'class="differs"' in row(page, label)
    assert "O’Beeblebrox" in row(page, "Last name")
    assert re.search(r">\s*Beeblebrox", row(page, "Last name"))
    for value in FULL.emails:
        assert value in row(page, "Email addresses")


def test_identifiers_missing_from_the_answer_are_not_marked(as_staff: Client, staff: User) -> None:
    page = text(as_staff.get(address(store(staff, Outcome.CREATED, answer=ANSWER))))
    assert "ProfileSystem: PS-77-Zaphod" in row(page, "Identifiers")
    assert "Differs" not in page


def test_receipt_without_an_answer_has_no_column_for_it(as_staff: Client, staff: User) -> None:
    page = text(as_staff.get(address(store(staff, Outcome.UNKNOWN))))
    assert "Returned" not in page
    assert "<h2>What was sent</h2>" in page
    assert 'data-label="Sent"' in page


def test_receipt_of_what_was_not_sent_says_nowhere_that_it_was(as_staff: Client, staff: User) -> None:
    page = text(as_staff.get(address(store(staff, Outcome.NOT_SENT))))
    assert "<h2>Entry</h2>" in page
    assert 'data-label="Entered"' in page
    assert 'data-label="Sent"' not in page


def test_receipt_leads_to_the_submission_by_which_it_was_sent_again(as_staff: Client, staff: User) -> None:
    not_sent = store(staff, Outcome.NOT_SENT)
    again = 'class="btn btn-{}" href="/consumers/new/?from='
    page = text(as_staff.get(address(not_sent)))
    assert "Nothing was sent. You can send it again." in page
    assert again.format("primary") in page
    other = clean(last_name="Another")
    failed = store(staff, Outcome.REJECTED, other, resubmission_of=not_sent)
    assert address(failed) not in text(as_staff.get(address(not_sent)))
    created = store(staff, Outcome.CREATED, other, resubmission_of=not_sent)
    page = text(as_staff.get(address(not_sent)))
    assert f'It was sent again later:</p> <ul class="plain"> <li><a href="{address(created)}">' in page
    assert "You can send it again" not in page
    assert again.format("secondary") in page
    assert "may exist twice" not in page


@pytest.mark.sql("new")
def test_erased_consumer_is_shown_as_erased(as_staff: Client, staff: User) -> None:
    submission = store(staff, Outcome.REJECTED)
    Submission.objects.update(encrypted_consumer=b"", content_digest=b"")
    page = text(as_staff.get(address(submission)))
    assert "were removed from the portal" in page
    assert "Correct and send again" not in page


def test_emptied_value_is_no_erasure(as_staff: Client, staff: User) -> None:
    """An erasure removes the digest as well; only a change of the database empties the value alone."""
    submission = store(staff, Outcome.NOT_SENT)
    Submission.objects.update(encrypted_consumer=b"")
    page = text(as_staff.get(address(submission)))
    assert f"<title>Not sent, order {SAMPLE_ORDER} – " in page
    assert "send it again" not in page
    assert "are missing: the database was changed outside the portal" in page
    assert "were removed from the portal" not in page
    assert "Correct and send again" not in page


def test_created_consumer_has_its_reference_and_next_links(as_staff: Client, staff: User) -> None:
    submission = store(staff, Outcome.CREATED, guest_ref=GUEST)
    page = text(as_staff.get(address(submission)))
    assert f'<strong class="mono">{REF}</strong>' in page
    for href, words in (
        (f"/orders/{SAMPLE_ORDER}/", "Open order"),
        (f"/guests/{GUEST}/", "Open guest"),
        (
            f"/consumers/new/?order={SAMPLE_ORDER}&amp;like={submission.public_id}",
            "Add another to this order",
        ),
        ("/consumers/new/", "New order consumer"),
    ):
        assert re.search(rf'<a [^>]*href="{re.escape(href)}"[^>]*>{words}</a>', page)


def test_headline_and_title_name_the_person_and_the_order(as_staff: Client, staff: User) -> None:
    name = escape(f"{FULL.first_name} {FULL.last_name}")
    for outcome, headline in (
        (Outcome.CREATED, "Consumer created"),
        (Outcome.REJECTED, "Rejected"),
        (Outcome.NOT_SENT, "Not sent"),
        (Outcome.UNKNOWN, "We do not know whether the consumer was created"),
    ):
        page = text(as_staff.get(address(store(staff, outcome))))
        assert f"<title>{headline}: {name}, order {SAMPLE_ORDER} – " in page
        assert f"{headline}: {name}</span></h1>" in page
    sending = store(staff, Outcome.SENDING, consumer=clean(last_name="Hidden"))  # nobody's view is recorded
    assert "Hidden" not in text(as_staff.get(address(sending)))


@pytest.mark.sql("new")
def test_order_number_and_consumer_reference_follow_the_headline(as_staff: Client, staff: User) -> None:
    for outcome in (Outcome.CREATED, Outcome.REJECTED, Outcome.UNKNOWN):
        page = text(as_staff.get(address(store(staff, outcome, order_number="B4LNDQ-1"))))
        panel = page[page.index("</h1>") : page.index("Order and guest")]
        assert 'Order number: <strong class="mono">B4LNDQ-1</strong>' in panel
        assert SAMPLE_ORDER not in panel.partition('<div class="button-row')[0]
        if outcome is Outcome.CREATED:
            assert panel.index("Order number") < panel.index(REF) < panel.index("Add another to this order")
    unnumbered = text(as_staff.get(address(store(staff, Outcome.CREATED))))
    assert f'Order reference: <span class="mono">{SAMPLE_ORDER}</span>' in unnumbered


def test_summary_says_who_submitted_when_and_how_long_it_took(as_supervisor: Client, staff: User) -> None:
    page = text(as_supervisor.get(address(store(staff, Outcome.CREATED, duration_ms=1234))))
    summary = page[page.index(">Summary</h2>") : page.index("<h2>What happened</h2>")]
    assert staff.name in summary
    assert "<time " in summary
    assert "1.2 s" in summary


def test_only_the_author_of_a_clear_receipt_starts_at_its_first_action(
    as_staff: Client, as_supervisor: Client, staff: User
) -> None:
    clear = address(store(staff, Outcome.CREATED))
    assert "data-focus>Add another to this order" in text(as_staff.get(clear))
    assert "data-focus>" not in text(as_supervisor.get(clear))
    doubted = address(store(staff, Outcome.CREATED, consumer_ref="another", doubt_code="claimed"))
    assert "data-focus>" not in text(as_staff.get(doubted))


def test_without_a_guest_reference_there_is_no_guest_link(as_staff: Client, staff: User) -> None:
    page = text(as_staff.get(address(store(staff, Outcome.CREATED, guest_ref="a/b"))))
    assert "Open guest" not in page


# --- Links ----------------------------------------------------------------------------------------
@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("href", "linked"),
    [
        (f"{BASE}/v2.1/guests/{GUEST}?a=1&b=<2>", True),
        (f"https://elsewhere.example/v2.1/guests/{GUEST}", False),
        (f"http://127.0.0.1:8031@elsewhere.example/{GUEST}", False),
        ("javascript:alert(document.cookie)", False),
        ('http://x/"onmouseover="alert(1)', False),
        ("//127.0.0.1:8031/x", False),
    ],
)
@pytest.mark.parametrize("column", ["consumer_href", "order_href", "guest_href"])
def test_returned_link_is_shown_unchanged_and_linked_only_on_the_vendors_host(
    as_staff: Client, staff: User, column: str, href: str, linked: bool
) -> None:
    submission = store(staff, Outcome.CREATED)
    Submission.objects.update(**{column: href})
    page = text(as_staff.get(address(submission)))
    shown = escape(href)
    assert f">{shown}<" in page
    assert (f'<a href="{shown}" target="_blank" rel="noreferrer noopener">{shown}<' in page) is linked
    assert page.count(f'href="{shown}"') == int(linked)
    assert page.count("asks for API credentials") == int(linked)
    assert 'href="javascript:' not in page.lower()
    assert 'onmouseover="' not in page


# --- Hostile texts --------------------------------------------------------------------------------
HOSTILE = '<img src=x onerror="alert(1)">\'&amp;{{ 7|add:7 }}'


def test_hostile_names_are_shown_as_text(as_staff: Client, as_supervisor: Client, staff: User) -> None:
    consumer = clean(first_name=HOSTILE, last_name=HOSTILE, nationality=HOSTILE, passport_number=HOSTILE)
    answer = OrderConsumer(ref=REF, first_name=HOSTILE[1:], title=HOSTILE, country=HOSTILE, gender=HOSTILE)
    created = store(staff, Outcome.CREATED, consumer, answer=answer)
    resolved = store(
        staff,
        Outcome.NOT_CREATED,
        consumer,
        note=HOSTILE,
        resolved_by_name=HOSTILE,
    )
    rejected = store(staff, Outcome.REJECTED, consumer, vendor_message=HOSTILE)
    pages = ["/", "/submissions/", f"/consumers/new/?from={rejected.public_id}"]
    for path in [*pages, address(created), address(resolved), address(rejected)]:
        for client in (as_staff, as_supervisor):
            page = client.get(path).content.decode()
            assert "<img src=x" not in page
            assert "alert(1)" not in page or escape(HOSTILE[1:]) in page
            if client is as_staff or path != "/":
                assert escape(HOSTILE) in page


# --- Readers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("outcome", list(Outcome))
def test_receipt_is_visible_to_its_author_and_to_supervisors(
    as_staff: Client, as_supervisor: Client, as_administrator: Client, outcome: Outcome
) -> None:
    owner = make_person("sid", "staff")
    submission = store(owner, outcome)
    as_owner = Client()
    as_owner.force_login(owner)
    assert as_owner.get(address(submission)).status_code == 200
    assert as_supervisor.get(address(submission)).status_code == 200
    assert as_staff.get(address(submission)).status_code == 403
    [denied] = events("access.denied")
    assert (denied.submission, denied.details["view"]) == (str(submission.public_id), "consumers:receipt")
    assert as_administrator.get(address(submission)).status_code == 403
    assert events("access.denied")[-1].submission == str(submission.public_id)
    assert Client().get(address(submission)).status_code == 302
    assert as_staff.get(address(Submission(actor=owner))).status_code == 404


def test_view_of_a_receipt_is_recorded_but_not_in_its_timeline(
    as_staff: Client, as_supervisor: Client, staff: User, supervisor: User
) -> None:
    submission = store(staff, Outcome.UNKNOWN)
    for client in (as_staff, as_supervisor):
        assert "opened submission" not in text(client.get(address(submission)))
    recorded = events("submission.viewed")
    assert [event.actor_id for event in recorded] == [str(staff.pk), str(supervisor.pk)]
    assert {event.submission for event in recorded} == {str(submission.public_id)}


def test_many_comparisons_with_a_consumer_are_counted_in_its_timeline(
    as_staff: Client, staff: User, supervisor: User
) -> None:
    submission = store(staff, Outcome.UNKNOWN)
    for _ in range(23):
        recording.record_warned(
            submission.order_ref, shown=[submission], compared=[submission], actor=acting(supervisor)
        )
    page = text(as_staff.get(address(submission)))
    assert page.count("saw which fields of an entry agree") == 20
    assert "opened submission" not in page
    assert "3 earlier events that changed nothing are not listed." in page
    assert "Timeline of this submission" not in page
    reader = Client()
    reader.force_login(make_person("rae", "supervisor", "auditor"))
    assert f"reference={submission.public_id}" in text(reader.get(address(submission)))


def test_receipt_that_is_not_shown_is_not_recorded_as_viewed(as_staff: Client) -> None:
    as_staff.get(address(store(make_person("sid", "staff"), Outcome.CREATED)))
    assert events("submission.viewed") == []


# --- Permanence -----------------------------------------------------------------------------------
@pytest.mark.parametrize("outcome", list(Outcome))
def test_reload_never_sends(as_staff: Client, staff: User, sandbox: SandboxServer, outcome: Outcome) -> None:
    submission = store(staff, outcome)
    for _ in range(3):
        assert as_staff.get(address(submission)).status_code == 200
    for method in (as_staff.post, as_staff.put, as_staff.patch, as_staff.delete):
        assert method(address(submission)).status_code == 405
    assert sandbox.sandbox.requests() == []
    assert Submission.objects.get().outcome == outcome


def test_receipt_stays_without_the_vendor(as_staff: Client, sandbox: SandboxServer) -> None:
    location = as_staff.post("/consumers/new/", posted())["Location"]
    sandbox.stop()
    page = text(as_staff.get(location))
    submission = Submission.objects.get()
    for href in (submission.consumer_href, submission.order_href, submission.guest_href):
        assert f'<a href="{escape(href)}" target="_blank" rel="noreferrer noopener">{escape(href)}<' in page
    assert "Differs" not in page
    for words in ("asked to create an order consumer", "created the order consumer"):
        assert page.count(words) == 1
    sandbox.start()
    assert len(creates(sandbox)) == 1


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_the_page_of_a_running_send_reloads_itself(
    as_staff: Client, staff: User, outcome: Outcome
) -> None:
    response = as_staff.get(address(store(staff, outcome)))
    assert response.get("Refresh") == ("3" if outcome == Outcome.SENDING else None)
    assert ("updates every few seconds" in text(response)) is (outcome == Outcome.SENDING)


@pytest.mark.parametrize("is_stuck", [False, True])
def test_page_of_a_send_that_no_worker_ended_says_so_and_whom_to_tell(
    as_staff: Client, staff: User, is_stuck: bool
) -> None:
    after = datetime.timedelta(seconds=1 if is_stuck else -10)
    deadline = clock.now() - resolution.longest_send() - resolution.WORKER_DELAY - after
    sent = store(staff, Outcome.SENDING, submitted_at=deadline, deadline=deadline)
    response = as_staff.get(address(sent))
    page = text(response)
    assert response.get("Refresh") == (None if is_stuck else "3")
    assert ("updates every few seconds" in page) is not is_stuck
    assert ("The consumer is being sent" in page) is not is_stuck
    for words in (
        "We do not know whether the consumer was created",
        "The portal was interrupted while it was sending, and could not store what happened.",
        "Do not enter it again",
        "The background worker should have recorded this by now",
        "Tell an administrator",
    ):
        assert (words in page) is is_stuck
    assert FULL.last_name not in page


def test_values_changed_before_sending_are_named(as_staff: Client, sandbox: SandboxServer) -> None:
    values = posted(
        clean(),
        last_name="Clean\u200b",
        **rows("phone_numbers", ["085 123 4567"]),
        **identifier_rows([("ProfileSystem", "LP-0048213\u2060")]),
    )
    receipt = as_staff.post("/consumers/new/", values)["Location"]
    body = json.loads(sandbox.sandbox.consumers(SAMPLE_ORDER)[-1].body)
    assert (body["lastName"], body["identifiers"][0]["id"]) == ("Clean", "LP-0048213")
    page = text(as_staff.get(receipt))
    assert page.count("Invisible characters were removed.") == 2
    assert page.count("Changed to the international format.") == 1
    [event] = events("consumer.create_requested")
    assert event.details["normalised"] == [
        "identifiers:invisible",
        "last_name:invisible",
        "phone_numbers:e164",
    ]
