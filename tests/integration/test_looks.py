"""After an unknown outcome the order is read again: what is proven is taken, what is not is shown."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.client import CdpClient
from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.factory import get_client
from apps.consumers import looks, pacing
from apps.consumers.models import LookResult, Outcome, SettledHow, Submission
from apps.consumers.settling import settle
from apps.core.actor import Actor
from apps.sandbox.faults import Armed
from apps.sandbox.seed import SAMPLE_ORDER
from apps.sandbox.server import SandboxServer
from apps.sandbox.store import StoredConsumer
from tests.unit.accounts.people import acting, events
from tests.unit.consumers.entries import FULL, REF, clean, creates, posted, store, text

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "/consumers/new/"
WORKER = Actor.system("worker")


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_LOOK_UPS = True
    settings.CDP_LOOK_UPS_AFTER = [0.001, 0.002, 60]


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "BETWEEN", datetime.timedelta(0))


def lost(
    client: Client, sandbox: SandboxServer, consumer: NewConsumer = FULL, *, done: bool = True
) -> Submission:
    """A create whose answer is lost after the work was done, or before."""
    sandbox.sandbox.faults.arm(Armed("reset_after" if done else "reset_before"))
    assert client.post(NEW, posted(consumer)).status_code == 303
    submission = Submission.objects.latest("id")
    assert submission.outcome == Outcome.UNKNOWN
    return submission


def look() -> bool:
    return looks.take_due_look(actor=WORKER, client=get_client())


def make_due(submission: Submission) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    Submission.objects.filter(pk=submission.pk).update(next_look_at=past)


def add_elsewhere(consumer: NewConsumer = FULL) -> OrderConsumer:
    """The same API, used past the portal."""
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    return get_client().create_order_consumer(SAMPLE_ORDER, consumer, deadline=deadline).consumer


def only(sandbox: SandboxServer) -> StoredConsumer:
    [consumer] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    return consumer


def fresh(submission: Submission) -> Submission:
    return Submission.objects.get(pk=submission.pk)


# --- What proves it -------------------------------------------------------------------------------
def test_a_new_consumer_that_matches_is_taken_as_created_with_its_evidence(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(clean())
    before = [consumer.ref for consumer in sandbox.sandbox.consumers(SAMPLE_ORDER)]
    submission = lost(as_staff, sandbox)
    assert look()
    found = fresh(submission)
    [new] = [c for c in sandbox.sandbox.consumers(SAMPLE_ORDER) if c.ref not in before]
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, new.ref)
    assert (found.settled_how, found.settled_by, found.next_look_at) == (SettledHow.BY_LOOK_UP, None, None)
    assert (found.refs_before, found.matching_refs, found.look_result) == (before, [new.ref], LookResult.ONE)
    assert found.answer is not None
    assert found.guest_ref
    [event] = events("consumer.settled")
    assert (event.consumer_ref, event.actor_name) == (new.ref, "system:worker")
    assert event.details == {
        "outcome": "created",
        "reason": "look_up",
        "result": "one",
        "before": 1,
        "matching": 1,
        "different": 0,
    }
    assert not look()
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Consumer created" in page
    assert "confirmed by look-up" in page
    assert len(creates(sandbox)) == 2


def test_a_consumer_that_was_there_before_is_not_ours(as_staff: Client, sandbox: SandboxServer) -> None:
    add_elsewhere()
    submission = lost(as_staff, sandbox, done=False)
    assert look()
    found = fresh(submission)
    assert (found.outcome, found.look_result) == (Outcome.UNKNOWN, LookResult.NONE)
    assert (found.matching_refs, found.different_refs) == ([], [])


def test_a_new_consumer_that_differs_is_shown_and_not_taken(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    other = add_elsewhere(replace(FULL, passport_number="X1"))
    assert look()
    found = fresh(submission)
    assert (found.outcome, found.look_result, found.different_refs) == (
        Outcome.UNKNOWN,
        LookResult.NONE,
        [other.ref],
    )
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "but not the same in every field" in page
    assert f'href="/order-consumers/{other.ref}/"' in page


def test_a_consumer_that_another_submission_made_is_not_taken(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox, done=False)
    same = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    accepted = f"similar_consumer:{submission.public_id}"
    as_staff.post(NEW, posted(same, accepted=accepted))
    assert Submission.objects.filter(outcome=Outcome.CREATED).count() == 1
    assert look()
    assert fresh(submission).look_result == LookResult.NONE


def test_without_the_references_before_nothing_is_proven(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    assert submission.refs_before is None
    assert look()
    found = fresh(submission)
    assert (found.outcome, found.look_result) == (Outcome.UNKNOWN, LookResult.NOT_PROVEN)
    assert found.matching_refs == [only(sandbox).ref]


def test_several_that_match_are_a_suspected_duplicate_that_a_supervisor_is_led_to(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    assert look()
    found = fresh(submission)
    assert (found.outcome, found.look_result) == (Outcome.UNKNOWN, LookResult.SEVERAL)
    assert sorted(found.matching_refs) == sorted(c.ref for c in sandbox.sandbox.consumers(SAMPLE_ORDER))
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "Duplicate suspected" in page
    for consumer in sandbox.sandbox.consumers(SAMPLE_ORDER):
        assert f'href="/order-consumers/{consumer.ref}/"' in page
    assert "Duplicate suspected" in text(as_supervisor.get("/"))


def test_one_that_two_unknown_ones_match_is_taken_by_neither_and_shown_by_both(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)
    twin = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    sandbox.sandbox.faults.arm(Armed("reset_before"))
    as_staff.post(NEW, posted(twin, accepted=f"similar_consumer:{first.public_id}"))
    # The second one knew the order with the first one's consumer on it, unless the list was late.
    Submission.objects.update(refs_before=[])
    second = Submission.objects.latest("id")
    assert look()
    assert look()
    for submission in (first, second):
        found = fresh(submission)
        assert (found.outcome, found.look_result) == (Outcome.UNKNOWN, LookResult.SHARED)
        assert found.matching_refs == [only(sandbox).ref]
        assert only(sandbox).ref in text(as_supervisor.get(f"/submissions/{submission.public_id}/"))


def test_what_the_other_one_knew_before_its_send_is_not_its_own(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)
    twin = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    sandbox.sandbox.faults.arm(Armed("reset_before"))
    as_staff.post(NEW, posted(twin, accepted=f"similar_consumer:{first.public_id}"))
    assert look()
    assert fresh(first).outcome == Outcome.CREATED


def test_while_a_twin_is_being_sent_nothing_is_taken(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)
    store(staff, Outcome.SENDING, replace(FULL, identifiers=()))
    assert look()
    assert fresh(first).look_result == LookResult.SHARED


def test_two_that_take_the_same_reference_at_one_moment_do_not_both_get_it(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    real, refusals = looks._record_look, [IntegrityError("claimed")]

    def refused(*args: object) -> None:
        if refusals:
            raise refusals.pop()
        real(*args)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(looks, "_record_look", refused)
    assert look()
    assert fresh(submission).outcome == Outcome.CREATED
    assert len(events("consumer.settled")) == 1


# --- When, and how often --------------------------------------------------------------------------
def test_after_the_last_look_it_stays_unknown_and_pinned(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_LOOK_UPS_AFTER = [0.001]
    submission = lost(as_staff, sandbox, done=False)
    assert look()
    found = fresh(submission)
    assert (found.outcome, found.looks, found.next_look_at) == (Outcome.UNKNOWN, 1, None)
    assert not look()
    assert str(submission.public_id) in text(as_supervisor.get("/"))
    assert "a supervisor looks at the order" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert [event.details["result"] for event in events("consumer.looked_up")] == ["none"]


def test_a_consumer_that_the_list_shows_late_is_found_by_a_later_look(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"lag_seconds": 3600})
    submission = lost(as_staff, sandbox)
    assert look()
    assert fresh(submission).look_result == LookResult.NONE
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"lag_seconds": 0})
    make_due(submission)
    assert look()
    assert fresh(submission).outcome == Outcome.CREATED


def test_a_look_that_is_not_answered_says_nothing_and_comes_again(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed("503_html_before", times=2, operation="list_order_consumers"))
    assert look()
    found = fresh(submission)
    assert (found.outcome, found.look_result, found.looks, found.failed_looks) == (
        Outcome.UNKNOWN, LookResult.FAILED, 0, 1,
    )  # fmt: skip
    assert found.next_look_at is not None
    assert events("consumer.looked_up")[0].details == {"result": "failed", "error_code": "http_503"}
    make_due(submission)
    assert look()
    assert fresh(submission).outcome == Outcome.CREATED


def test_a_vendor_that_is_down_is_asked_once_for_each_pause_whatever_is_due(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    unknown = [lost(as_staff, sandbox, clean(last_name=f"No {number}")) for number in range(6)]
    sandbox.stop()
    taken = 0
    for _ in range(3 * len(unknown)):
        for submission in unknown:
            make_due(submission)
        taken += look()
    assert taken == pacing.PATIENCE
    assert pacing.pace().failures == pacing.PATIENCE
    sandbox.start()


def test_a_look_whose_process_was_lost_is_due_again_after_its_lease(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(looks, "_find", killed)
        with pytest.raises(KeyboardInterrupt):
            look()
    found = fresh(submission)
    assert found.outcome == Outcome.UNKNOWN
    assert found.next_look_at is not None
    assert not look(), "The lease holds"
    make_due(submission)
    assert look()
    assert fresh(submission).outcome == Outcome.CREATED


def test_while_the_order_is_read_no_database_connection_is_held(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection

    lost(as_staff, sandbox)
    real = CdpClient.list_order_consumer_refs
    held: list[bool] = []

    def watched(self: CdpClient, order_ref: str, *, within: float | None = None) -> tuple[str, ...]:
        held.append(connection.vendor != "sqlite" and connection.connection is not None)
        return real(self, order_ref, within=within)

    monkeypatch.setattr(CdpClient, "list_order_consumer_refs", watched)
    assert look()
    as_staff.post(NEW, posted(clean()))
    assert held == [False, False]


def test_a_supervisor_who_settles_meanwhile_wins(
    as_staff: Client, supervisor: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.consumers.models import SettleReason

    submission = lost(as_staff, sandbox)
    real = looks._find

    def slow(*args: object) -> looks.Found:
        settle(
            submission, outcome=Outcome.CREATED, reason=SettleReason.SEEN_IN_CDP, note="", consumer_ref=REF,
            actor=acting(supervisor),
        )  # fmt: skip
        return real(*args)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(looks, "_find", slow)
    assert look()
    found = fresh(submission)
    assert (found.consumer_ref, found.settled_how) == (REF, SettledHow.BY_HAND)


# --- Check now ------------------------------------------------------------------------------------
def check(client: Client, submission: Submission) -> str:
    response = client.post(f"/submissions/{submission.public_id}/check/", follow=True)
    assert response.status_code == 200
    return text(response)


def test_check_now_reads_the_order_for_the_one_who_sent_it(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    assert "Check now" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Consumer created" in check(as_staff, submission)
    [event] = events("consumer.settled")
    assert event.actor_name == "Sam Person"


def test_check_now_is_kept_from_flooding_the_vendor(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox, done=False)
    monkeypatch.setattr(looks, "BETWEEN", datetime.timedelta(seconds=2))
    asked = len(sandbox.sandbox.requests())
    check(as_staff, submission)
    once = len(sandbox.sandbox.requests()) - asked
    assert "The order was not read just now" in check(as_staff, submission)
    assert len(sandbox.sandbox.requests()) - asked == once


def test_without_look_ups_there_is_no_check_now_and_the_vendor_is_not_read(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_LOOK_UPS = False
    submission = lost(as_staff, sandbox)
    assert "Check now" not in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    check(as_staff, submission)
    assert not look()
    assert len(sandbox.sandbox.requests()) == 1
    assert submission.refs_before is None
    assert fresh(submission).next_look_at is None


def test_check_now_is_for_those_who_may_see_the_submission(
    as_staff: Client, as_administrator: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    assert as_administrator.post(f"/submissions/{submission.public_id}/check/").status_code == 403
    assert as_staff.get(f"/submissions/{submission.public_id}/check/").status_code == 405


# --- Step 0 ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["no_answer_before", "503_html_before", "truncated_json"])
def test_an_order_that_cannot_be_read_before_the_send_costs_the_evidence_and_never_the_create(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="list_order_consumers"))
    assert as_staff.post(NEW, posted()).status_code == 303
    submission = Submission.objects.get()
    assert (submission.outcome, submission.refs_before) == (Outcome.CREATED, None)


# --- Too many at once -----------------------------------------------------------------------------
@contextmanager
def every_slot_taken() -> Iterator[None]:
    """As if another thread of this process were calling."""
    assert django_settings.CDP_IN_FLIGHT == 1
    slots = get_client()._exchange.slots  # type: ignore[union-attr]  # it is configured
    assert slots._free.acquire(blocking=False)
    try:
        yield
    finally:
        slots._free.release()


def test_beyond_the_limit_the_person_is_told_at_once_with_the_entry_kept_and_nothing_stored(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_IN_FLIGHT = 1
    entry = posted()
    with every_slot_taken():
        response = as_staff.post(NEW, entry)
        assert response.status_code == 503
        assert "Nothing was sent: the portal is busy" in text(response)
        assert entry["token"] in text(response)
        assert FULL.passport_number in text(response)
        assert as_staff.get(f"/orders/{SAMPLE_ORDER}/").status_code in (200, 503)
    assert Submission.objects.count() == 0
    assert sandbox.sandbox.requests() == []
    assert as_staff.post(NEW, entry).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED
