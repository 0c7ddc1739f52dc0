"""A submission is marked as created after the portal has read and compared the consumer."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.factory import get_client
from apps.consumers import connection_health
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import evidence
from apps.consumers.reconciliation.resolution import ReferenceClaimed
from apps.core.references import same_reference
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.options import Switches
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import lookup_slots_taken
from tests.support.entries import FULL, REF, clean, on_page, store, text
from tests.support.people import events, make_person
from tests.support.resolving import (
    NOTE,
    add_elsewhere,
    confirm,
    created_with,
    enter,
    fresh,
    lost_create,
    receipt,
    resolve,
    resolve_url,
    vendor_down,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

OTHER = "11111111-2222-4333-8444-555555555555"
COMPARE = "Compare before you mark as created"


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


def reads(sandbox: SandboxServer) -> int:
    return len(sandbox.sandbox.requests())


# --- Read and compared first ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "spelled",
    [str.lower, str.upper, lambda ref: ref.replace("-", ""), "https://cdp.example/v2.1/orderConsumers/{}?a=b".format],
)  # fmt: skip
def test_sent_and_read_values_are_compared_before_the_button(
    as_supervisor: Client,
    supervisor: User,
    sandbox: SandboxServer,
    unknown: Submission,
    theirs: str,
    spelled: Callable[[str], str],
) -> None:
    before = reads(sandbox)
    entered = enter(as_supervisor, unknown, created_with(spelled(theirs)))
    page = text(entered)
    assert COMPARE in page
    assert "In Sitecore CDP" in page
    assert FULL.passport_number in page
    assert "Differs" not in page
    assert "I compared it" not in page
    assert fresh(unknown).outcome == Outcome.UNKNOWN
    after = reads(sandbox)
    assert after > before

    assert confirm(as_supervisor, unknown, entered)["Location"] == receipt(unknown)
    assert reads(sandbox) == after, "What was seen is what is stored: the vendor is not asked again"
    found = fresh(unknown)
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, theirs)
    assert (found.resolved_by, found.resolution_note) == (supervisor, NOTE)
    assert found.consumer_read_at is not None
    assert found.answer is not None
    assert found.answer.passport_number == FULL.passport_number
    assert found.guest_ref
    [event] = events("consumer.resolved")
    assert event.details == {
        "previous_outcome": "unknown",
        "outcome": "created",
        "reason": "seen_in_cdp",
        "verification": "verified",
    }
    [viewed] = events("vendor_record.viewed")
    assert viewed.details == {"kind": "order_consumer", "result": "found", "guests": [found.guest_ref]}
    assert same_reference(str(viewed.consumer_ref), theirs)

    sandbox.stop()
    shown = text(as_supervisor.get(receipt(unknown)))
    assert "Consumer created" in shown
    assert f"Resolved by {supervisor.name}: seen in Sitecore CDP." in shown
    assert "Verified by the portal: it read this consumer on the order." in shown
    assert "Not verified" not in shown
    sandbox.start()


@pytest.mark.once
def test_differences_are_marked_and_the_supervisor_decides(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission
) -> None:
    other = add_elsewhere(replace(FULL, last_name="Dent", passport_number="X1"))
    entered = enter(as_supervisor, unknown, created_with(other.ref))
    assert text(entered).count("Differs") == 2
    assert confirm(as_supervisor, unknown, entered).status_code == 303
    page = text(as_supervisor.get(receipt(unknown)))
    assert page.count("Differs") == 2


MARKED_WITH_WARNINGS = "Marked as created by Sue Person, but there are warnings"
BEFORE_THE_SEND = "This consumer was on the order before this submission was sent."


def test_consumer_from_before_the_send_is_doubted_and_its_receipt_is_never_plain_green(
    as_supervisor: Client, as_staff: Client, sandbox: SandboxServer, staff: User
) -> None:
    older = add_elsewhere(FULL)
    unknown = store(staff, Outcome.UNKNOWN, refs_before=[older.ref.upper()])
    entered = enter(as_supervisor, unknown, created_with(older.ref))
    assert BEFORE_THE_SEND in text(entered)
    assert confirm(as_supervisor, unknown, entered).status_code == 303
    page = text(as_staff.get(receipt(unknown)))
    for words in (MARKED_WITH_WARNINGS, BEFORE_THE_SEND, 'class="panel panel-warning'):
        assert words in page
    assert "panel-created" not in page
    assert "Consumer created" not in page
    assert "With warnings" in text(as_staff.get("/submissions/"))


def _created_at(monkeypatch: pytest.MonkeyPatch, moment: datetime.datetime) -> None:
    real = CdpClient.retrieve_order_consumer

    def dated(self: CdpClient, ref: str, *, within: float | None = None) -> OrderConsumer:
        return replace(real(self, ref, within=within), created_at=moment)

    monkeypatch.setattr(CdpClient, "retrieve_order_consumer", dated)


@pytest.mark.once
@pytest.mark.parametrize(
    ("clock_ahead", "late_by", "warning"),
    [
        (0.0, -125, "was created before this submission was sent"),
        (0.0, -115, ""),
        (900.0, -905, ""),  # their clock is 15 minutes behind ours
        (900.0, -1025, "was created before this submission was sent"),
        (0.0, 600, "was created after this submission had ended"),
        (-900.0, 950, ""),  # their clock is ahead of ours
        (-900.0, 600, "was created before this submission was sent"),
    ],
)
def test_consumer_created_at_another_time_is_doubted_by_the_vendors_clock(
    as_supervisor: Client,
    unknown: Submission,
    theirs: str,
    monkeypatch: pytest.MonkeyPatch,
    clock_ahead: float,
    late_by: int,
    warning: str,
) -> None:
    monkeypatch.setattr(connection_health, "clock_ahead", lambda: datetime.timedelta(seconds=clock_ahead))
    _created_at(monkeypatch, unknown.submitted_at + datetime.timedelta(seconds=late_by))
    entered = enter(as_supervisor, unknown, created_with(theirs))
    assert ("According to Sitecore CDP, this consumer" in text(entered)) == bool(warning)
    assert confirm(as_supervisor, unknown, entered).status_code == 303
    page = text(as_supervisor.get(receipt(unknown)))
    assert warning in page
    assert (MARKED_WITH_WARNINGS in page) == bool(warning)
    assert ('class="panel panel-warning' in page) == bool(warning)
    assert ('class="panel panel-created' in page) != bool(warning)
    assert ("With warnings" in text(as_supervisor.get("/submissions/"))) == bool(warning)


@pytest.mark.once
def test_entered_resolution_can_be_changed(as_supervisor: Client, unknown: Submission, theirs: str) -> None:
    entered = enter(as_supervisor, unknown, created_with(theirs))
    back = as_supervisor.post(resolve_url(unknown), {**on_page(entered), "step": "change"})
    page = text(back)
    assert theirs in page
    assert NOTE in page
    assert '<option value="seen_in_cdp" selected>' in page
    assert "Resolve this submission" in page
    assert "<title>Error" not in page
    assert page.count('data-warn-before-leaving="unsaved"') == 1  # nothing was entered in the other form


# --- Refusals -------------------------------------------------------------------------------------
def _refused(client: Client, submission: Submission, ref: str, warning: str) -> None:
    answer = enter(client, submission, created_with(ref))
    page = text(answer)
    assert f'<a href="#id_created-consumer_ref">{warning}' in page
    assert NOTE in page
    assert COMPARE not in page
    assert fresh(submission).outcome == Outcome.UNKNOWN


def test_consumer_of_another_order_is_refused(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission
) -> None:
    other = add_elsewhere(FULL, FAMILY_ORDER)
    warning = "The order in Sitecore CDP has no consumer with this reference"
    _refused(as_supervisor, unknown, other.ref, warning)
    assert [event.details["result"] for event in events("vendor_record.viewed")] == ["not_on_order"]


@pytest.mark.sql("repeated")
def test_consumer_returned_with_another_reference_is_refused(
    as_supervisor: Client, unknown: Submission, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CdpClient.retrieve_order_consumer

    def another(self: CdpClient, ref: str, *, within: float | None = None) -> OrderConsumer:
        return replace(real(self, ref, within=within), ref=OTHER)

    monkeypatch.setattr(CdpClient, "retrieve_order_consumer", another)
    _refused(as_supervisor, unknown, theirs, "Sitecore CDP returns another consumer for this reference")


@pytest.mark.parametrize("spelled", [str.upper, lambda ref: ref.replace("-", "")])
def test_reference_of_the_order_is_refused_without_a_call(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission, spelled: Callable[[str], str]
) -> None:
    before = reads(sandbox)
    _refused(as_supervisor, unknown, spelled(SAMPLE_ORDER), "This is the reference of the order")
    assert reads(sandbox) == before


@pytest.mark.parametrize("order", [SAMPLE_ORDER, FAMILY_ORDER])
@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": Outcome.CREATED, "consumer_ref": REF.upper()},
        {"outcome": Outcome.CREATED, "consumer_ref": REF.replace("-", "")},
        {
            "outcome": Outcome.NOT_CREATED,
            "late_outcome": "created",
            "late_consumer_ref": REF.upper(),
            "contradicted": True,
        },
    ],
    ids=["upper case", "without dashes", "late"],
)
@pytest.mark.parametrize("turned_on", [True, False])
def test_consumer_of_another_submission_is_refused_without_a_call(
    as_supervisor: Client,
    staff: User,
    supervisor: User,
    sandbox: SandboxServer,
    settings: Settings,
    order: str,
    columns: dict[str, Any],
    turned_on: bool,
) -> None:
    settings.CDP_RECONCILIATION = turned_on
    unknown = store(staff, Outcome.UNKNOWN)
    owner = store(staff, consumer=clean(), order=order, **columns)
    _refused(as_supervisor, unknown, REF, "This consumer belongs to another submission")
    page = text(enter(as_supervisor, unknown, created_with(REF)))
    assert f'<a href="{receipt(owner)}">Open the other submission</a>' in page
    assert sandbox.sandbox.requests() == []
    with pytest.raises(ReferenceClaimed):
        resolve(unknown, supervisor)


# --- Unreadable consumers -------------------------------------------------------------------------
@pytest.mark.parametrize("why", ["off", "down", "gone", "consumer"])
def test_unreadable_consumer_has_to_be_stated_and_is_shown_as_not_verified(
    as_supervisor: Client,
    supervisor: User,
    sandbox: SandboxServer,
    settings: Settings,
    unknown: Submission,
    theirs: str,
    why: str,
) -> None:
    if why == "off":
        settings.CDP_RECONCILIATION = False
    elif why == "down":
        vendor_down(sandbox)
    elif why == "consumer":
        sandbox.sandbox.faults.arm(Armed("404", times=9, operation="retrieve_order_consumer"))
    else:
        sandbox.stop()
    forms = text(as_supervisor.get(resolve_url(unknown)))
    assert ("what was sent beside this consumer in Sitecore CDP" in forms) is (why != "off")
    assert ("Compare it with this consumer in Sitecore CDP" in forms) is (why == "off")
    entered = enter(as_supervisor, unknown, created_with(theirs))
    page = text(entered)
    assert "The portal could not read this consumer" in page
    assert ("Read again" in page) is (why != "off")
    assert "I compared it in Sitecore CDP myself" in page
    assert FULL.passport_number in page
    demanded = confirm(as_supervisor, unknown, entered, compared=False)
    assert '<a href="#id_created-compared">Confirm that you compared it in Sitecore CDP' in text(demanded)
    assert "<title>Error: " in text(demanded)
    assert fresh(unknown).outcome == Outcome.UNKNOWN

    assert confirm(as_supervisor, unknown, demanded).status_code == 303
    found = fresh(unknown)
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, theirs)
    assert (found.consumer_read_at, found.encrypted_answer, found.guest_ref) == (None, b"", "")
    [event] = events("consumer.resolved")
    assert event.details["verification"] == "not_verified"
    shown = text(as_supervisor.get(receipt(unknown)))
    assert '<h1 class="panel-title">' in shown
    assert f"Marked as created by {supervisor.name}, not verified" in shown
    assert "Not verified by the portal." in shown
    assert "Consumer created" not in shown
    assert "panel-created" not in shown
    assert "Not verified" in text(as_supervisor.get("/submissions/"))
    if why == "gone":
        sandbox.start()


@pytest.mark.once
@pytest.mark.parametrize("kind", ["gap", "stubborn"])
def test_incomplete_list_without_the_consumer_does_not_refuse_it(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission, kind: str
) -> None:
    """The list has a gap before the consumer, or comes from a cache filled before its creation."""
    if kind == "stubborn":
        sandbox.sandbox.switches = Switches().changed({"cache": "stubborn"})
        get_client().observe_order_consumers(SAMPLE_ORDER)
    theirs = add_elsewhere(replace(FULL, last_name="Dent")).ref
    if kind == "gap":
        sandbox.sandbox.switches = Switches().changed({"paging": "gap", "page_size": 1})
    entered = enter(as_supervisor, unknown, created_with(theirs))
    page = text(entered)
    assert "The portal could not read this consumer" in page
    assert "it is not in the list of the order, but that list may be incomplete" in page
    [viewed] = events("vendor_record.viewed")
    assert viewed.details["result"] == "list_not_whole"
    assert confirm(as_supervisor, unknown, entered).status_code == 303
    found = fresh(unknown)
    assert (found.consumer_ref, found.consumer_read_at) == (theirs, None)
    assert "not verified" in text(as_supervisor.get(receipt(unknown)))


@pytest.mark.once
def test_incomplete_list_with_the_consumer_is_sufficient(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission, theirs: str
) -> None:
    add_elsewhere(replace(FULL, last_name="Dent"))
    sandbox.sandbox.switches = Switches().changed({"paging": "gap", "page_size": 1})
    assert "Sent and read" in text(enter(as_supervisor, unknown, created_with(theirs)))


@pytest.mark.once
def test_statement_alone_does_not_skip_the_reading(
    as_supervisor: Client,
    as_sol: Client,
    sandbox: SandboxServer,
    unknown: Submission,
    theirs: str,
    staff: User,
) -> None:
    other = store(staff, Outcome.UNKNOWN, clean())
    vendor_down(sandbox)
    unread = {
        "another submission": on_page(enter(as_supervisor, other, created_with(theirs))),
        "another person": on_page(enter(as_sol, unknown, created_with(theirs))),
        "another reference": on_page(enter(as_supervisor, unknown, created_with(OTHER))),
        "nothing": {"created-evidence": ""},
        "no such text": {"created-evidence": "gAAAA"},
    }
    sandbox.sandbox.faults.clear()
    for whose, page in unread.items():
        forged = {
            **created_with(theirs),
            "created-evidence": page["created-evidence"],
            "created-compared": "yes",
            "step": "confirm",
        }
        answer = enter(as_supervisor, unknown, forged)
        assert "Sent and read" in text(answer), whose
        assert fresh(unknown).outcome == Outcome.UNKNOWN


@pytest.mark.once
def test_expired_reading_is_repeated(
    as_supervisor: Client,
    sandbox: SandboxServer,
    unknown: Submission,
    theirs: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered = enter(as_supervisor, unknown, created_with(theirs))
    before = reads(sandbox)
    with monkeypatch.context() as patch:
        patch.setattr(evidence, "VALID", datetime.timedelta(0))
        again = confirm(as_supervisor, unknown, entered)
    assert COMPARE in text(again)
    assert reads(sandbox) > before
    assert confirm(as_supervisor, unknown, again).status_code == 303


@pytest.mark.once
def test_read_again_repeats_the_reading(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission, theirs: str
) -> None:
    vendor_down(sandbox)
    entered = enter(as_supervisor, unknown, created_with(theirs))
    sandbox.sandbox.faults.clear()
    values = {name: value for name, value in on_page(entered).items() if name != "created-compared"}
    again = as_supervisor.post(resolve_url(unknown), {**values, "step": ""})
    assert "Sent and read" in text(again)


def test_reading_of_the_consumer_leaves_a_slot_to_creates(
    as_supervisor: Client, unknown: Submission, theirs: str, sandbox: SandboxServer, settings: Settings
) -> None:
    asked = len(sandbox.sandbox.requests())
    with lookup_slots_taken(settings):
        page = text(enter(as_supervisor, unknown, created_with(theirs)))
    assert "The portal could not read this consumer" in page
    assert len(sandbox.sandbox.requests()) == asked


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_the_consumer_is_read(
    as_supervisor: Client, unknown: Submission, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    def watch(name: str) -> None:
        real = getattr(CdpClient, name)

        def watched(self: CdpClient, ref: str, *, within: float) -> Any:
            assert within <= evidence.READ_SECONDS
            held.append(connection.vendor != "sqlite" and connection.connection is not None)
            return real(self, ref, within=within)

        monkeypatch.setattr(CdpClient, name, watched)

    watch("observe_order_consumers")
    watch("retrieve_order_consumer")
    assert COMPARE in text(enter(as_supervisor, unknown, created_with(theirs)))
    assert held == [False, False]
