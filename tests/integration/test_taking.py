"""Supervisors take unknown submissions, write notes on them and go on to the next; nothing is ever locked."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import Outcome, Submission, SubmissionNote
from apps.consumers.reconciliation import taking
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from apps.core import personal_data
from apps.core.actor import Actor
from apps.core.open_work import OpenWork, open_work
from tests.support.entries import clean, store, text
from tests.support.people import PASSWORD, acting, events, make_person
from tests.support.resolving import AS_NOT_CREATED, enter, fresh, receipt, resolve_url

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NOTE = "Called Marvin:\n<b>no Mrs Quux</b> on the order"


@pytest.fixture
def other(db: None) -> User:
    return make_person("olga", "supervisor")


@pytest.fixture
def as_other(other: User) -> Client:
    client = Client()
    client.force_login(other)
    return client


@pytest.fixture
def unknown(staff: User) -> Submission:
    return store(staff, Outcome.UNKNOWN)


def press(client: Client, what: str, submission: Submission, **values: str) -> Any:
    return client.post(reverse(f"consumers:{what}", args=[submission.public_id]), values)


def lapse(submission: Submission) -> None:
    was = fresh(submission).taken_at
    assert was is not None
    Submission.objects.filter(pk=submission.pk).update(taken_at=was - taking.lapses_after())


def test_taken_submission_shows_who_has_it_on_receipt_and_list(
    as_supervisor: Client, as_other: Client, as_staff: Client, unknown: Submission
) -> None:
    answer = press(as_supervisor, "take", unknown)
    assert (answer.status_code, answer["Location"]) == (303, receipt(unknown))
    assert "You have taken this until" in text(as_supervisor.get(receipt(unknown)))
    page = text(as_other.get(receipt(unknown)))
    assert "Sue Person has taken this until" in page
    assert "This locks nothing: every supervisor can still resolve it." in page
    assert "Take over" in page
    for address in ("/submissions/", "/submissions/?outcome=unknown&period=all"):
        assert "Taken by Sue Person" in text(as_other.get(address))
    page = text(as_staff.get(receipt(unknown)))
    assert "Sue Person has taken this until" in page
    assert "Take over" not in page
    assert [(one.submission, one.details) for one in events("submission.taken")] == [
        (str(unknown.public_id), {"taken_by": "Sue Person"})
    ]


@pytest.mark.sql("new")
def test_taken_submission_is_not_locked(as_supervisor: Client, as_other: Client, unknown: Submission) -> None:
    press(as_supervisor, "take", unknown)
    assert enter(as_other, unknown, AS_NOT_CREATED).status_code == 303
    assert fresh(unknown).outcome == Outcome.NOT_CREATED
    assert "has taken this until" not in text(as_other.get(receipt(unknown)))


def test_submission_that_an_answer_ended_meanwhile_was_not_taken_by_somebody_else(
    as_supervisor: Client, unknown: Submission
) -> None:
    refused = Result(Outcome.REJECTED, http_status=404, error_code="not_found")
    storing.store_outcome(fresh(unknown), refused, Actor.system("worker"))
    answer = press(as_supervisor, "take", unknown)
    page = text(as_supervisor.get(answer["Location"]))
    assert "This submission was taken or resolved in the meantime." in page
    assert "Somebody else" not in page


@pytest.mark.sql("new")
def test_another_supervisor_takes_it_over_only_knowingly(
    as_supervisor: Client, supervisor: User, as_other: Client, other: User, unknown: Submission
) -> None:
    page_before = text(as_other.get(receipt(unknown)))
    assert "I have this" in page_before
    press(as_supervisor, "take", unknown)
    answer = press(as_other, "take", unknown)  # of a page that did not show it yet
    assert fresh(unknown).taken_by == supervisor
    assert "This submission was taken or resolved in the meantime." in text(as_other.get(answer["Location"]))
    for wrong in (str(other.pk), "0", "-1", "x", "٣", "9" * 30, "\x00"):
        press(as_other, "take", unknown, holder=wrong)
        assert fresh(unknown).taken_by == supervisor
    press(as_other, "take", unknown, holder=str(supervisor.pk))
    assert fresh(unknown).taken_by == other
    press(as_supervisor, "take", unknown, holder=str(supervisor.pk))  # of a page from before
    assert fresh(unknown).taken_by == other
    assert [event.details for event in events("submission.taken")] == [
        {"taken_by": "Sue Person"},
        {"taken_from": "Sue Person", "taken_by": other.name},
    ]


def test_taking_lapses_and_is_then_free(
    as_supervisor: Client, as_other: Client, other: User, unknown: Submission
) -> None:
    press(as_supervisor, "take", unknown)
    lapse(unknown)
    assert "has taken this until" not in text(as_other.get(receipt(unknown)))
    assert "Taken by" not in text(as_other.get("/submissions/"))
    press(as_other, "take", unknown)
    assert fresh(unknown).taken_by == other
    taken = [event.details for event in events("submission.taken")]
    assert taken == [{"taken_by": "Sue Person"}, {"taken_by": other.name}]  # from nobody


@pytest.mark.parametrize("end", ["resolved", "lapsed", "released"])
def test_only_what_is_still_taken_is_open_work_of_the_person(
    as_supervisor: Client, supervisor: User, as_other: Client, unknown: Submission, end: str
) -> None:
    press(as_supervisor, "take", unknown)
    assert open_work(supervisor.pk) == [
        OpenWork(
            "1 submission is taken by this person",
            "They are free again after 30 minutes, or when another supervisor takes them over.",
        )
    ]
    if end == "resolved":
        enter(as_other, unknown, AS_NOT_CREATED)
        assert fresh(unknown).taken_by == supervisor
    elif end == "lapsed":
        lapse(unknown)
    else:
        press(as_supervisor, "release", unknown)
    assert open_work(supervisor.pk) == []


@pytest.mark.sql("new")
def test_taking_again_renews_and_is_recorded_once(as_supervisor: Client, unknown: Submission) -> None:
    press(as_supervisor, "take", unknown)
    before = fresh(unknown).taken_at
    Submission.objects.filter(pk=unknown.pk).update(taken_at=before - dt.timedelta(minutes=5))  # type: ignore[operator]
    press(as_supervisor, "take", unknown)
    after = fresh(unknown).taken_at
    assert before is not None
    assert after is not None
    assert after >= before
    assert len(events("submission.taken")) == 1


@pytest.mark.sql("new")
def test_only_the_holder_releases_it(as_supervisor: Client, as_other: Client, unknown: Submission) -> None:
    press(as_supervisor, "take", unknown)
    press(as_other, "release", unknown)
    assert fresh(unknown).taken_at is not None
    press(as_supervisor, "release", unknown)
    row = fresh(unknown)
    assert (row.taken_at, row.taken_by, row.taken_by_name) == (None, None, "")
    press(as_supervisor, "release", unknown)
    assert len(events("submission.released")) == 1


def test_resolved_submission_cannot_be_taken(as_supervisor: Client, staff: User) -> None:
    created = store(staff, Outcome.CREATED)
    press(as_supervisor, "take", created)
    assert fresh(created).taken_at is None
    assert events("submission.taken") == []


@pytest.mark.once
@pytest.mark.parametrize("what", ["take", "release", "note"])
def test_staff_may_not(as_staff: Client, unknown: Submission, what: str) -> None:
    assert press(as_staff, what, unknown, note_text=NOTE).status_code == 403
    assert SubmissionNote.objects.count() == 0


def test_note_is_stored_encrypted_and_shown_to_supervisors_only(
    as_supervisor: Client, as_other: Client, as_staff: Client, unknown: Submission
) -> None:
    assert press(as_supervisor, "note", unknown, note_text=NOTE).status_code == 303
    page = text(as_other.get(receipt(unknown)))
    assert "Called Marvin:<br>&lt;b&gt;no Mrs Quux&lt;/b&gt; on the order" in page
    assert "Quux" not in text(as_staff.get(receipt(unknown)))
    note = SubmissionNote.objects.get()
    assert b"Quux" not in bytes(note.encrypted_text)
    assert (note.author_name, personal_data.text(note, "encrypted_text")) == ("Sue Person", NOTE)
    [event] = events("submission.note_added")
    assert (event.submission, event.details) == (str(unknown.public_id), {})
    assert not any("Quux" in str(one.__dict__) for one in AuditEvent.objects.all())
    enter(as_other, unknown, AS_NOT_CREATED)
    assert "Called Marvin" in text(as_other.get(receipt(unknown)))  # stays on the receipt


@pytest.mark.once
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Enter the note"),
        (" \n ", "Enter the note"),
        ("a" * 2001, "The note has at most 2,000 characters"),
    ],
)
def test_refused_note_comes_back_as_typed(
    as_supervisor: Client, unknown: Submission, typed: str, message: str
) -> None:
    answer = press(as_supervisor, "note", unknown, note_text=typed)
    assert answer.status_code == 200
    page = text(answer)
    assert message in page
    assert typed.strip() in page
    assert SubmissionNote.objects.count() == 0


def test_note_beyond_the_maximum_is_refused_and_comes_back_as_typed(
    as_supervisor: Client, unknown: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MAX_NOTES", 2)
    for _ in range(2):
        assert press(as_supervisor, "note", unknown, note_text="Asked Sitecore").status_code == 303
    answer = press(as_supervisor, "note", unknown, note_text=NOTE)
    assert (answer.status_code, SubmissionNote.objects.count()) == (200, 2)
    assert text(answer).count("This submission has 2 notes, and cannot have more") == 2
    assert 'href="#id_note_text"' in text(answer)
    assert "no Mrs Quux" in text(answer)
    assert len(events("submission.note_added")) == 2


def test_refused_note_comes_back_although_the_submission_was_resolved_meanwhile(
    as_supervisor: Client, as_other: Client, unknown: Submission
) -> None:
    enter(as_other, unknown, AS_NOT_CREATED)
    answer = press(as_supervisor, "note", unknown, note_text="a" * 2001)
    page = text(answer)
    assert "The note has at most 2,000 characters" in page
    assert "a" * 2001 in page
    assert press(as_supervisor, "note", unknown, note_text=NOTE).status_code == 303
    assert SubmissionNote.objects.count() == 1


def without_session(client: Client, person: User, submission: Submission, page: str) -> Any:
    """Post a note from this page after the session has ended, sign in, and open where that leads."""
    author = client.get(receipt(submission)).context["entry_of"]
    client.logout()
    answer = client.post(
        reverse("consumers:note", args=[submission.public_id]),
        {"note_text": NOTE, "entry_of": author},
        headers={"Referer": f"http://testserver{page}"} if page else {},
    )
    login = {"login": person.username, "password": PASSWORD}
    signed_in = client.post(answer["Location"], login)
    assert SubmissionNote.objects.count() == 0
    return client.get(signed_in["Location"], follow=True)


@pytest.mark.sql("new")
@pytest.mark.parametrize("page", ["receipt", "resolve", "note", "no referer"])
def test_note_that_was_posted_after_the_session_ended_is_not_lost(
    as_supervisor: Client, supervisor: User, unknown: Submission, page: str
) -> None:
    pages = {
        "receipt": receipt(unknown),
        "resolve": resolve_url(unknown),
        "note": reverse("consumers:note", args=[unknown.public_id]),
    }
    answer = without_session(as_supervisor, supervisor, unknown, pages.get(page, ""))
    assert "&lt;b&gt;no Mrs Quux&lt;/b&gt;" in text(answer)
    assert SubmissionNote.objects.count() == 0
    assert "no Mrs Quux" not in text(as_supervisor.get(receipt(unknown)))  # once
    assert as_supervisor.get(pages["note"]).status_code == 303


@pytest.mark.sql("new")
@pytest.mark.parametrize("page", [receipt, resolve_url])
def test_note_is_not_lost_although_the_submission_was_resolved_while_signed_out(
    as_supervisor: Client, supervisor: User, as_other: Client, unknown: Submission, page: Any
) -> None:
    enter(as_other, unknown, AS_NOT_CREATED)
    answer = without_session(as_supervisor, supervisor, unknown, page(unknown))
    assert "&lt;b&gt;no Mrs Quux&lt;/b&gt;" in text(answer)


@pytest.mark.sql("new")
def test_receipt_with_a_note_that_is_not_stored_does_not_refresh_itself(
    as_supervisor: Client, supervisor: User, staff: User
) -> None:
    sending = store(staff, Outcome.SENDING)
    assert "Refresh" in as_supervisor.get(receipt(sending))
    answer = without_session(as_supervisor, supervisor, sending, receipt(sending))
    assert "&lt;b&gt;no Mrs Quux&lt;/b&gt;" in text(answer)
    assert "Refresh" not in answer


def test_next_unknown_is_the_oldest_that_nobody_else_has(
    as_supervisor: Client, as_other: Client, staff: User
) -> None:
    first, second, third = (_unknown(staff, hours) for hours in (3, 2, 1))

    def next_of(submission: Submission) -> str:
        page = text(as_supervisor.get(receipt(submission)))
        assert "Next unknown (2 left)" in page
        return page.partition(">Next unknown")[0].rpartition('href="')[2].partition('"')[0]

    assert [next_of(one) for one in (first, second, third)] == [
        receipt(second),
        receipt(third),
        receipt(first),
    ]
    press(as_other, "take", second)
    press(as_supervisor, "take", third)
    assert next_of(first) == receipt(third)
    press(as_supervisor, "release", third)
    press(as_other, "take", third)
    assert next_of(first) == receipt(second)  # all are taken: the oldest


def test_after_a_resolution_the_receipt_leads_to_the_next(
    as_supervisor: Client, as_staff: Client, staff: User
) -> None:
    first, second = _unknown(staff, 3), _unknown(staff, 2)
    answer = enter(as_supervisor, first, AS_NOT_CREATED)
    page = text(as_supervisor.get(answer["Location"]))
    assert f'href="{receipt(second)}">Next unknown (1 left)</a>' in page
    assert "Next unknown" not in text(as_staff.get(receipt(first)))
    enter(as_supervisor, second, AS_NOT_CREATED)
    assert "Next unknown" not in text(as_supervisor.get(receipt(second)))


def test_overdue_submissions_are_marked_and_counted(
    as_supervisor: Client, staff: User, settings: Settings
) -> None:
    settings.UNKNOWN_OVERDUE_AFTER_HOURS = 5
    late, early = _unknown(staff, 6), _unknown(staff, 4)
    for address in ("/", "/submissions/"):  # with the same words
        assert "2 submissions of unknown outcome (1 overdue)" in text(as_supervisor.get(address))
    assert text(as_supervisor.get("/submissions/")).count('<span class="outcome-note">Overdue</span>') == 1
    assert "Overdue" in text(as_supervisor.get(receipt(late)))
    assert "Overdue" not in text(as_supervisor.get(receipt(early)))
    enter(as_supervisor, late, AS_NOT_CREATED)
    for address in ("/", "/submissions/", receipt(late)):
        assert "verdue" not in text(as_supervisor.get(address))


@pytest.mark.sql("new")
def test_of_two_who_take_it_at_once_one_has_it(unknown: Submission, supervisor: User, other: User) -> None:
    read_before = fresh(unknown)
    taking.take(unknown, actor=acting(supervisor))
    with pytest.raises(taking.TakenByAnother):
        taking.take(read_before, actor=acting(other))
    assert fresh(unknown).taken_by == supervisor


def _unknown(person: User, hours: float) -> Submission:
    submission = store(person, Outcome.UNKNOWN, clean(last_name=f"Waits {hours}"))
    at = submission.submitted_at - dt.timedelta(hours=hours)
    Submission.objects.filter(pk=submission.pk).update(submitted_at=at)
    return fresh(submission)
