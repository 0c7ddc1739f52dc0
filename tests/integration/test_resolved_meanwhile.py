"""A resolution that comes too late is not saved, and none of its typed text is lost."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.factory import get_client
from apps.consumers.models import Doubt, Outcome, PastResolution, ResolvedHow, Submission
from apps.consumers.reconciliation import checks, resolution
from apps.consumers.reconciliation.resolution import NotUnknown
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from apps.core.actor import Actor
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import on_page, store, text
from tests.support.people import acting, events, make_person
from tests.support.resolving import (
    AS_NOT_CREATED,
    NOTE,
    add_elsewhere,
    confirm,
    created_with,
    enter,
    fresh,
    lost_create,
    mark_created,
    receipt,
    resolve,
    resolve_url,
    seen,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

SEVERAL_LINES = " a\r\nb\N{ZERO WIDTH SPACE}\r\n"  # as a browser sends a text that was pasted
NOT_SAVED = "Your resolution was not saved:"


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = [3600]


@pytest.fixture
def unknown(as_staff: Client, sandbox: SandboxServer) -> Submission:
    return lost_create(as_staff, sandbox)


@pytest.fixture
def theirs(unknown: Submission, sandbox: SandboxServer) -> str:
    """The reference of the consumer that the lost create made."""
    [consumer] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    return consumer.ref


@pytest.fixture
def as_sol(db: None) -> Client:
    """Another supervisor's client."""
    client = Client()
    client.force_login(make_person("sol", "supervisor"))
    return client


@pytest.fixture
def verified(as_supervisor: Client, unknown: Submission, theirs: str) -> Submission:
    assert mark_created(as_supervisor, unknown, theirs, **{"created-note": NOTE}).status_code == 303
    return fresh(unknown)


# --- Too late -------------------------------------------------------------------------------------
FIRST = {**AS_NOT_CREATED, "not_created-note": "Not on the order"}


def _assert_shown(answer: Any, who: str, *words: str) -> None:
    page = text(answer)
    assert answer.status_code == 409
    for shown in (f"Already resolved by {who}", NOT_SAVED, *words):
        assert shown in page


def test_second_supervisor_is_informed_and_the_typed_text_stays(
    as_supervisor: Client, as_sol: Client, unknown: Submission, theirs: str
) -> None:
    seen(as_sol, unknown)
    assert enter(as_supervisor, unknown, FIRST).status_code == 303
    answer = as_sol.post(resolve_url(unknown), created_with(theirs))
    _assert_shown(answer, "Sue Person", "Mark as created", theirs, "The consumer is on the order", NOTE)
    assert "Correct this resolution" in text(answer)
    assert on_page(answer)["created-consumer_ref"] == theirs
    assert fresh(unknown).outcome == Outcome.NOT_CREATED
    broken = as_sol.post(resolve_url(unknown), created_with("B94", **{"created-reason": ""}))
    _assert_shown(broken, "Sue Person", "B94", NOTE)


@pytest.mark.sql("new")
def test_late_confirmation_is_reported(
    as_supervisor: Client, as_sol: Client, unknown: Submission, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = enter(as_sol, unknown, created_with(theirs))
    checks.check_now(unknown, actor=Actor.system("worker"), client=get_client())
    _assert_shown(confirm(as_sol, unknown, entered), "reconciliation", theirs, NOTE)
    assert fresh(unknown).resolved_how == ResolvedHow.BY_RECONCILIATION


@pytest.mark.sql("new")
def test_write_between_check_and_write_lets_the_first_win(
    as_supervisor: Client,
    as_sol: Client,
    unknown: Submission,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = resolution.resolve

    def slow(submission: Submission, **values: Any) -> None:
        real(
            fresh(submission),
            **{**values, "outcome": Outcome.NOT_CREATED, "note": "First", "actor": acting(supervisor)},
        )
        real(submission, **values)

    monkeypatch.setattr(resolution, "resolve", slow)
    answer = enter(as_sol, unknown, FIRST)
    _assert_shown(answer, "Sue Person", "Not on the order")
    assert fresh(unknown).resolution_note == "First"


@pytest.mark.sql("new")
def test_answer_that_arrived_meanwhile_is_reported(
    as_supervisor: Client, unknown: Submission, theirs: str
) -> None:
    entered = enter(as_supervisor, unknown, created_with(theirs))
    answer = Result(Outcome.CREATED, consumer_ref=theirs, http_status=200)
    storing.store_outcome(fresh(unknown), answer, Actor.system("worker"))
    _assert_shown(confirm(as_supervisor, unknown, entered), "Sitecore CDP’s answer", NOTE)


@pytest.mark.sql("new")
@pytest.mark.parametrize("doubt", [Doubt.KNOWN_BEFORE, Doubt.CLAIMED])
def test_doubtful_answer_that_arrived_meanwhile_is_not_overwritten_by_an_older_form(
    as_supervisor: Client, supervisor: User, unknown: Submission, theirs: str, doubt: Doubt
) -> None:
    version = seen(as_supervisor, unknown)
    entered = enter(as_supervisor, unknown, created_with(theirs))
    as_seen = fresh(unknown)
    answered = Result(Outcome.CREATED, consumer_ref=theirs, http_status=200, doubt_code=doubt)
    storing.store_outcome(fresh(unknown), answered, Actor.system("worker"))
    answer = as_supervisor.post(resolve_url(unknown), {"seen": version, **FIRST})
    _assert_shown(answer, "Sitecore CDP’s answer", "Mark as not created", "Not on the order")
    _assert_shown(confirm(as_supervisor, unknown, entered), "Sitecore CDP’s answer", NOTE)
    with pytest.raises(NotUnknown):
        resolve(as_seen, supervisor, Outcome.NOT_CREATED)
    found = fresh(unknown)
    assert (found.outcome, found.consumer_ref, found.doubt_code) == (Outcome.CREATED, theirs, doubt)
    assert enter(as_supervisor, unknown, FIRST).status_code == 303, "The form of now is taken"
    assert fresh(unknown).outcome == Outcome.NOT_CREATED


@pytest.mark.parametrize(
    ("late", "title"),
    [
        ({"late_outcome": Outcome.CREATED}, "An answer arrived after this was resolved"),
        ({}, "A consumer was found after this was resolved"),
    ],
    ids=["answer", "check"],
)
def test_contradiction_that_arrived_meanwhile_is_not_called_a_resolution(
    as_supervisor: Client, as_sol: Client, unknown: Submission, theirs: str, late: dict[str, str], title: str
) -> None:
    assert enter(as_supervisor, unknown, FIRST).status_code == 303
    version = seen(as_sol, unknown)
    Submission.objects.update(contradicted=True, late_consumer_ref=theirs, **late)
    answer = as_sol.post(resolve_url(unknown), {"seen": version, **created_with(theirs)})
    page = " ".join(re.sub(r"<[^>]+>", " ", text(answer).partition(NOT_SAVED)[0]).split())
    assert answer.status_code == 409
    assert page.endswith(f"{title} Unknown")
    assert "Already resolved" not in page


@pytest.mark.parametrize("is_resolved", [False, True])
def test_page_of_a_late_resolution_says_that_nothing_was_sent(
    as_supervisor: Client, as_sol: Client, unknown: Submission, theirs: str, is_resolved: bool
) -> None:
    if is_resolved:
        assert mark_created(as_supervisor, unknown, theirs).status_code == 303
    version = seen(as_sol, unknown)
    not_sent = Result(Outcome.NOT_SENT, error_code="deadline_passed")
    storing.store_outcome(fresh(unknown), not_sent, Actor.system("worker"))
    answer = as_sol.post(resolve_url(unknown), {"seen": version, **AS_NOT_CREATED})
    page = " ".join(re.sub(r"<[^>]+>", " ", text(answer).partition(NOT_SAVED)[0]).split())
    assert answer.status_code == 409
    assert fresh(unknown).contradicted == is_resolved
    assert "The portal found later that nothing was sent" in page
    assert "Sitecore CDP’s answer" not in page
    assert "An answer arrived" not in page


@pytest.mark.parametrize("values", [AS_NOT_CREATED, created_with(str(uuid.uuid4()))], ids=["not", "created"])
def test_what_a_check_has_found_meanwhile_is_shown_before_a_resolution_counts(
    as_supervisor: Client, supervisor: User, sandbox: SandboxServer, values: dict[str, str]
) -> None:
    unknown = store(supervisor, Outcome.UNKNOWN, refs_before=None)
    checks.check_now(unknown, actor=acting(supervisor), client=get_client())
    version = seen(as_supervisor, unknown)
    found = add_elsewhere().ref
    Submission.objects.update(check_claimed_at=None)
    checks.check_now(unknown, actor=acting(supervisor), client=get_client())
    assert fresh(unknown).matching_refs == [found]
    answer = as_supervisor.post(resolve_url(unknown), {"seen": version, **values})
    page = text(answer)
    assert answer.status_code == 409
    for shown in ("A check has read the order in the meantime", found, NOT_SAVED):
        assert shown in page
    assert fresh(unknown).outcome == Outcome.UNKNOWN
    assert enter(as_supervisor, unknown, AS_NOT_CREATED).status_code == 303


def test_check_that_finds_nothing_meanwhile_refuses_no_resolution(
    as_supervisor: Client, supervisor: User, sandbox: SandboxServer
) -> None:
    unknown = store(supervisor, Outcome.UNKNOWN, refs_before=[])
    version = seen(as_supervisor, unknown)
    checks.check_now(unknown, actor=acting(supervisor), client=get_client())
    assert fresh(unknown).check_count == 1
    answer = as_supervisor.post(resolve_url(unknown), {"seen": version, **AS_NOT_CREATED})
    assert (answer.status_code, fresh(unknown).outcome) == (303, Outcome.NOT_CREATED)


@pytest.mark.sql("new")
def test_second_of_two_corrections_is_refused_with_a_message(
    as_supervisor: Client, as_sol: Client, verified: Submission
) -> None:
    version = seen(as_sol, verified)
    assert enter(as_supervisor, verified, AS_NOT_CREATED).status_code == 303
    answer = as_sol.post(resolve_url(verified), {"seen": version, **FIRST})
    _assert_shown(answer, "Sue Person", "Mark as not created", "Not on the order")
    assert PastResolution.objects.count() == 1


@pytest.mark.sql("new")
@pytest.mark.parametrize("note", [NOTE, SEVERAL_LINES])
def test_same_form_posted_twice_leads_to_the_receipt(
    as_supervisor: Client, unknown: Submission, theirs: str, note: str
) -> None:
    entry = created_with(f"https://cdp.example/v2.1/orderConsumers/{theirs}", **{"created-note": note})
    version = seen(as_supervisor, unknown)
    entered = enter(as_supervisor, unknown, entry)
    for _ in range(2):
        assert confirm(as_supervisor, unknown, entered)["Location"] == receipt(unknown)
    # Also the form before the confirmation, in which the reference is still a link.
    again = as_supervisor.post(resolve_url(unknown), {"seen": version, **entry})
    assert again["Location"] == receipt(unknown)
    assert len(events("consumer.resolved")) == 1
    assert events("consumer.resolution_corrected") == []


@pytest.mark.sql("new")
@pytest.mark.parametrize("note", ["Not on the order", SEVERAL_LINES])
def test_same_form_without_a_confirmation_posted_twice_leads_to_the_receipt(
    as_supervisor: Client, unknown: Submission, note: str
) -> None:
    values = {"seen": seen(as_supervisor, unknown), **AS_NOT_CREATED, "not_created-note": note}
    for _ in range(2):
        assert as_supervisor.post(resolve_url(unknown), values)["Location"] == receipt(unknown)
    assert len(events("consumer.resolved")) == 1
    for other in ("a\r\nc", "a b", "\x00"):
        answer = as_supervisor.post(resolve_url(unknown), {**values, "not_created-note": other})
        _assert_shown(answer, "Sue Person", "Mark as not created")


# --- An ended session, a lost database ------------------------------------------------------------
def _session_ended(
    client: Client, person: User, submission: Submission, values: dict[str, str], **besides: dict[str, str]
) -> Client:
    """Post without a session, then sign in again: a client for which the entries were sealed.

    ``besides``: values that are posted to other addresses, by the name of the address.
    """
    late = Client()
    posted = {reverse(f"consumers:{name}", args=[submission.public_id]): one for name, one in besides.items()}
    address = resolve_url(submission)
    for to, one in (posted | {address: values}).items():
        answer = late.post(to, one, headers={"Referer": f"http://testserver{address}"})
        assert answer["Location"] == f"/accounts/login/?next={address}"
    sealed = late.session["sealed_entries"]
    late.force_login(person)
    session = late.session
    session["sealed_entries"] = sealed
    session.save()
    return late


def test_confirmation_after_the_session_ended_returns_filled(
    as_supervisor: Client, supervisor: User, unknown: Submission, theirs: str
) -> None:
    entered = enter(as_supervisor, unknown, created_with(theirs))
    again = _session_ended(as_supervisor, supervisor, unknown, {**on_page(entered), "step": "confirm"})
    page = text(again.get(resolve_url(unknown)))
    assert f'value="{theirs}"' in page
    assert NOTE in page
    assert fresh(unknown).outcome == Outcome.UNKNOWN


STORED = "Another form that you sent after your session had ended is stored."


@pytest.mark.parametrize("page", [receipt, resolve_url])
def test_resolution_and_note_after_the_session_ended_come_back_on_one_page(
    as_supervisor: Client, supervisor: User, unknown: Submission, theirs: str, page: Any
) -> None:
    entered = on_page(enter(as_supervisor, unknown, created_with(theirs)))
    note = {"entry_of": entered["entry_of"], "note_text": "Called the traveller"}
    again = _session_ended(as_supervisor, supervisor, unknown, {**entered, "step": "confirm"}, note=note)
    shown = text(again.get(page(unknown)))
    assert f'value="{theirs}"' in shown
    assert "Called the traveller" in shown
    assert STORED not in shown
    assert "sealed_entries" not in again.session


def test_page_of_a_lost_resolution_leads_to_the_note_which_the_receipt_shows(
    as_supervisor: Client, as_sol: Client, supervisor: User, unknown: Submission, theirs: str
) -> None:
    entered = on_page(enter(as_supervisor, unknown, created_with(theirs)))
    note = {"entry_of": entered["entry_of"], "note_text": "Called the traveller"}
    again = _session_ended(as_supervisor, supervisor, unknown, {**entered, "step": "confirm"}, note=note)
    assert enter(as_sol, unknown, FIRST).status_code == 303
    not_saved = text(again.get(receipt(unknown)))
    assert STORED in not_saved
    assert "Called the traveller" not in not_saved
    shown = text(again.get(receipt(unknown)))
    assert "Called the traveller" in shown
    assert STORED not in shown


@pytest.mark.parametrize("page", [receipt, resolve_url])
def test_typed_text_is_shown_although_resolved_while_signed_out(
    as_supervisor: Client, as_sol: Client, supervisor: User, unknown: Submission, theirs: str, page: Any
) -> None:
    entered = enter(as_supervisor, unknown, created_with(theirs))
    again = _session_ended(as_supervisor, supervisor, unknown, {**on_page(entered), "step": "confirm"})
    assert enter(as_sol, unknown, FIRST).status_code == 303
    _assert_shown(again.get(page(unknown)), "Sol Person", theirs, NOTE)


@pytest.mark.sql("new")
def test_lost_database_changes_nothing_and_the_typed_text_stays(
    as_supervisor: Client, unknown: Submission, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_supervisor.raise_request_exception = False
    entered = enter(as_supervisor, unknown, created_with(theirs))

    def lost(*_: object) -> int:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(resolution, "record", lost)
        answer = confirm(as_supervisor, unknown, entered)
    assert answer.status_code == 503
    assert "Nothing was changed." in text(answer)
    assert NOTE in text(answer)
    assert fresh(unknown).outcome == Outcome.UNKNOWN
    assert confirm(as_supervisor, unknown, answer).status_code == 303
    assert fresh(unknown).consumer_ref == theirs
