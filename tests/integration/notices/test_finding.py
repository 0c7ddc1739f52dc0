"""Each cause is found when it exists, under one identity, and no notice names a person."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from apps.accounts import services
from apps.accounts.models import User
from apps.audit.integrity import past_verifications
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import Result, record_result
from apps.batches.models import Batch, BatchState, PauseReason
from apps.batches.sending import control, turns
from apps.batches.sending.pace import Turn
from apps.cdp.exchange import AnswerHealth
from apps.consumers import connection_health
from apps.consumers.models import Outcome, Submission
from apps.core import heartbeats
from apps.core.actor import Actor
from apps.history.models import State as ExportState
from apps.notices import watching
from apps.notices.causes import Cause, Found, Search
from apps.notices.messages import message_of
from apps.notices.models import About, Delivery, Notice
from consumerportal.notice_causes import CAUSES, MANY, MOST_SINGLE
from tests.support import audit_logs
from tests.support.batch_rows import batch_of
from tests.support.batch_sending import stored_batch
from tests.support.entries import FULL, clean, resolved_by, store
from tests.support.export_rows import stored
from tests.support.notice_receivers import hook_settings, mail_settings
from tests.support.people import PASSWORD, acting, events, make_person

pytestmark = pytest.mark.django_db

BY_CODE: dict[str, Cause] = {one.code: one for one in CAUSES}
EVER = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
WORKER = Actor.system("worker")


def ago(**span: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(**span)


def find(code: str, *, since: dt.datetime = EVER, open_keys: tuple[str, ...] = ()) -> list[Found]:
    return [*BY_CODE[code].find(Search(since, frozenset(open_keys)))]


def keys(code: str) -> list[str]:
    return [one.key for one in find(code)]


def unknown(person: User, number: int = 0, **age: float) -> Submission:
    consumer = clean(first_name=f"Number {number}")
    return store(person, Outcome.UNKNOWN, consumer, submitted_at=ago(**age))


# --- Unknown outcomes -----------------------------------------------------------------------------
def test_unknown_outcome_is_found_after_its_time_and_until_it_is_resolved(staff: User) -> None:
    old, _young = unknown(staff, 1, minutes=31), unknown(staff, 2, minutes=29)
    store(staff, Outcome.CREATED, submitted_at=ago(hours=1))
    [found] = find("unknown_outcome")
    assert (found.key, found.at, found.path) == (
        str(old.public_id),
        old.submitted_at,
        f"/submissions/{old.public_id}/",
    )
    Submission.objects.filter(pk=old.pk).update(outcome=Outcome.REJECTED, http_status=400)
    assert find("unknown_outcome") == []


def test_resolution_that_something_contradicts_is_found_as_unknown(staff: User, supervisor: User) -> None:
    known = store(staff, Outcome.NOT_CREATED, submitted_at=ago(hours=1), **resolved_by(supervisor))
    assert find("unknown_outcome") == []
    Submission.objects.filter(pk=known.pk).update(contradicted=True)
    assert keys("unknown_outcome") == [str(known.public_id)]


def test_many_unknown_outcomes_are_one_cause_and_told_ones_go_on(staff: User) -> None:
    old = [unknown(staff, number, hours=1) for number in range(MOST_SINGLE)]
    told = [str(one.public_id) for one in old]
    assert keys("unknown_outcome") == told
    unknown(staff, 99, minutes=40)
    assert {one.key for one in find("unknown_outcome", open_keys=tuple(told[:3]))} == {MANY, *told[:3]}
    assert {one.key for one in find("unknown_outcome", open_keys=(MANY,))} == {MANY}
    Submission.objects.filter(pk=old[0].pk).update(outcome=Outcome.REJECTED, http_status=400)
    assert MANY not in keys("unknown_outcome")


def test_notice_about_many_unknown_outcomes_leads_to_all_of_them(staff: User, as_supervisor: Client) -> None:
    late = [unknown(staff, number, days=20 * number + 1) for number in range(MOST_SINGLE + 1)]
    [found] = find("unknown_outcome")
    page = as_supervisor.get(found.path).content.decode()
    assert [one for one in late if f"/submissions/{one.public_id}/" not in page] == []


# --- Credentials, worker --------------------------------------------------------------------------
def test_refused_credentials_until_a_successful_answer() -> None:
    def answered(status: int) -> None:
        connection_health._latest.clear()
        connection_health.record_answer(AnswerHealth(status, None))
        connection_health.store_latest()

    assert find("credentials_refused") == []
    answered(401)
    [found] = find("credentials_refused")
    assert (found.key, found.facts) == ("credentials", {"status": 401})
    answered(503)
    answered(403)
    assert keys("credentials_refused") == ["credentials"]
    answered(200)
    assert find("credentials_refused") == []


def test_silent_worker_is_found_without_a_current_heartbeat() -> None:
    assert keys("worker_silent") == ["worker"]
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert find("worker_silent") == []
    with time_machine.travel(ago(minutes=-3)):
        assert keys("worker_silent") == ["worker"]


# --- Audit log ------------------------------------------------------------------------------------
def verified(
    verdict: Verdict, about: int | None, *, whole: bool = False, checkpoint: int | None = None
) -> None:
    record_result(WORKER, Result(verdict, about, checkpoint, 1, 20, last_hash="", whole=whole))


def test_problems_of_the_log_are_told_apart_and_each_is_one_until_the_log_is_intact() -> None:
    assert find("verification_failed") == find("written_past_portal") == []
    verified(Verdict.CHANGED, 17, whole=True)
    verified(Verdict.CHANGED, 17)  # another worker finds it again
    verified(Verdict.WRITTEN_PAST_PORTAL, 19)
    verified(Verdict.UNCHANGED, None)  # the events after the last checkpoint alone
    assert {*keys("verification_failed")} == {"changed:17"}
    assert keys("written_past_portal") == ["written_past_portal:19"]
    verified(Verdict.UNCHANGED, None, whole=True)
    assert find("verification_failed") == find("written_past_portal") == []


def test_missing_end_is_one_cause_wherever_the_log_ends_meanwhile() -> None:
    for end in (900, 915, 940):
        verified(Verdict.TAIL_CUT, end, checkpoint=880)
    assert [(one.key, one.facts["event"]) for one in find("verification_failed")] == [("tail_cut:880", 900)]
    verified(Verdict.TAIL_CUT, 871, checkpoint=870)  # more was cut off
    assert keys("verification_failed") == ["tail_cut:880", "tail_cut:870"]


def test_problem_stays_until_the_whole_log_is_intact_however_many_verifications_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(past_verifications, "_RECENT", 4)
    monkeypatch.setattr(past_verifications, "_AT_ONCE", 2)
    verified(Verdict.CHANGED, 5, whole=True)
    verified(Verdict.UNCHANGED, None, whole=True)
    verified(Verdict.CHANGED, 17, whole=True)
    for _ in range(9):
        verified(Verdict.UNCHANGED, None)  # the events after the last checkpoint alone
    assert keys("verification_failed") == ["changed:17"]
    assert past_verifications.standing_problem() is not None
    monkeypatch.setattr(past_verifications, "MOST_PROBLEMS", 2)
    for number in (18, 19):
        verified(Verdict.CHANGED, number)
    standing = find("verification_failed", open_keys=("changed:17",))
    assert {one.key for one in standing} == {"changed:17", "changed:18", "changed:19"}
    verified(Verdict.UNCHANGED, None, whole=True)
    assert find("verification_failed", open_keys=("changed:17",)) == []


def test_many_problems_of_the_log_are_one_cause() -> None:
    for number in range(MOST_SINGLE):
        verified(Verdict.WRITTEN_PAST_PORTAL, 100 + number)
    assert len(keys("written_past_portal")) == MOST_SINGLE
    verified(Verdict.WRITTEN_PAST_PORTAL, 99)
    assert keys("written_past_portal") == [MANY]
    found = find("written_past_portal", open_keys=("written_past_portal:101",))
    assert [one.key for one in found] == [MANY, "written_past_portal:101"]
    assert find("verification_failed") == []


# --- Exports --------------------------------------------------------------------------------------
def test_ended_exports_are_found_by_their_end(staff: User) -> None:
    for state in (ExportState.READY, ExportState.RUNNING):
        stored(staff, state)
    ended = [stored(staff, one) for one in (ExportState.FINISHED, ExportState.FAILED, ExportState.CANCELLED)]
    found = find("export_ended", since=ago(minutes=1))
    assert [one.key for one in found] == [str(one.public_id) for one in ended]
    assert [one.facts["state"] for one in found] == ["finished", "failed", "cancelled"]
    assert {one.facts["personal"] for one in found} == {"no"}
    assert find("export_ended", since=ago(minutes=-1)) == []


# --- Lists ----------------------------------------------------------------------------------------
def test_lists_that_ended_or_were_paused_by_the_portal_are_found(staff: User) -> None:
    def sending() -> Batch:
        lease = {"lease": uuid.uuid4(), "leased_until": ago(hours=-1)}
        return stored_batch(staff, BatchState.SENDING, order=str(uuid.uuid4()), **lease)

    by_person, stopped, finished, paused = sending(), sending(), sending(), sending()
    control.pause(by_person, actor=acting(staff))
    control.stop(stopped, actor=acting(staff))
    turns.end_turn(finished, Turn(), began=ago(seconds=0), actor=WORKER)
    turns.end_turn(paused, Turn(pause=PauseReason.CREDENTIALS), began=ago(seconds=0), actor=WORKER)
    found = find("batch_ended", since=ago(minutes=1))
    assert [(one.facts["batch"], one.facts["state"]) for one in found] == [
        (stopped.public_id, "stopped"),
        (finished.public_id, "finished"),
        (paused.public_id, "credentials"),
    ]
    assert {one.path for one in found} == {
        f"/batches/{one.public_id}/" for one in (stopped, finished, paused)
    }
    assert find("batch_ended", since=ago(minutes=-1)) == []


def test_list_that_was_discarded_before_it_was_confirmed_is_not_reported(staff: User) -> None:
    for state in (BatchState.MATCHING, BatchState.CHECKED):
        control.stop(stored_batch(staff, state), actor=acting(staff))
    assert len(events("batch.stopped")) == 2
    assert find("batch_ended") == []


# --- Break-glass sign-in --------------------------------------------------------------------------
def sign_in(username: str, password: str = PASSWORD) -> None:
    answer = Client().post("/accounts/login/", {"login": username, "password": password})
    assert answer.status_code == 302


def test_first_sign_in_with_a_password_from_the_terminal() -> None:
    make_person("ada", "administrator")  # by a process, as create_administrator does
    assert find("break_glass_sign_in") == []
    sign_in("ada")
    [found] = find("break_glass_sign_in")
    sign_in("ada")
    assert [one.key for one in find("break_glass_sign_in")] == [found.key]
    assert find("break_glass_sign_in", since=ago(minutes=-1)) == []


def test_sign_in_whose_event_was_moved_before_the_log_leads_to_the_log() -> None:
    make_person("ada", "administrator")
    sign_in("ada")
    rows = list(audit_logs.stored().values())
    for row in rows:  # all of them, so that the sign-in stays after the password
        row["seq"] -= len(rows) + 1
    audit_logs.put(rows)
    [found] = find("break_glass_sign_in")
    assert found.path == "/audit/"


def test_first_sign_in_with_a_link_from_the_terminal_and_none_with_an_administrators() -> None:
    otto = make_person("otto", "administrator", password="")
    sam = make_person("sam", "staff", password="")

    def set_by_link(person: User, issuer: Actor) -> None:
        _uid, token = services.issue_password_link(person_id=person.pk, actor=issuer)
        services.set_password_by_link(
            person_id=person.pk, token=token, password=PASSWORD, actor=Actor.anonymous(WORKER.origin)
        )
        sign_in(person.username)

    set_by_link(sam, acting(otto))
    assert find("break_glass_sign_in") == []
    set_by_link(otto, Actor.system("create_administrator"))
    [found] = find("break_glass_sign_in")
    assert found.path == f"/audit/{found.key}/"


def test_password_from_the_terminal_that_another_one_replaced_unused_is_not_reported() -> None:
    otto = make_person("otto", "administrator", password="")
    bob = make_person("bob", "staff")  # by a process, as changepassword does

    def set_by_link(issuer: Actor) -> None:
        _uid, token = services.issue_password_link(person_id=bob.pk, actor=issuer)
        services.set_password_by_link(
            person_id=bob.pk, token=token, password=PASSWORD, actor=Actor.anonymous(WORKER.origin)
        )

    set_by_link(acting(otto))
    sign_in("bob")
    assert find("break_glass_sign_in") == []
    services.set_password(person_id=bob.pk, password=PASSWORD, actor=WORKER)
    set_by_link(Actor.system("create_administrator"))
    sign_in("bob")
    [found] = find("break_glass_sign_in")
    assert found.facts["access"] == events("person.password_set")[-1].seq


# --- No personal data -----------------------------------------------------------------------------
def test_no_notice_names_a_person_or_what_was_sent(staff: User, settings: Settings) -> None:
    for name, value in {**mail_settings(1), **hook_settings("http://127.0.0.1:1/")}.items():
        setattr(settings, name, value)
    being_sent = batch_of(
        staff,
        [FULL],
        state=BatchState.SENDING,
        due_at=ago(minutes=1),
        confirmed_by=staff,
        confirmed_by_name=staff.name,
        confirmed_at=ago(minutes=1),
    )
    make: list[Callable[[], object]] = [
        lambda: store(staff, Outcome.UNKNOWN, FULL, submitted_at=ago(hours=1)),
        lambda: stored(staff, ExportState.FINISHED),
        lambda: control.stop(being_sent, actor=acting(staff)),
        lambda: verified(Verdict.CHANGED, 17),
        lambda: verified(Verdict.WRITTEN_PAST_PORTAL, 17),
        lambda: connection_health.record_answer(AnswerHealth(401, None)),
        connection_health.store_latest,
    ]
    connection_health._latest.clear()
    watching.watch()
    for one in make:
        one()
    sign_in("sam")
    watching.watch()
    assert {one.cause for one in Notice.objects.all()} == {*BY_CODE}
    Notice.objects.all().update(ended_at=dt.datetime.now(dt.UTC))
    opened = [*Delivery.objects.select_related("notice")]
    for delivery in opened:
        delivery.about = About.ENDED
    messages = [message_of(one) for one in [*Delivery.objects.select_related("notice"), *opened]]
    texts = " ".join(f"{one.subject} {one.body} {one.payload().decode()}" for one in messages).lower()
    assert "http://localhost:8030/submissions/" in texts
    personal = [
        staff.name,
        "sam ",
        FULL.first_name,
        FULL.last_name,
        FULL.passport_number,
        *FULL.emails,
        *FULL.phone_numbers,
        "HTL-",
    ]
    for value in personal:
        assert value.lower() not in texts, value
