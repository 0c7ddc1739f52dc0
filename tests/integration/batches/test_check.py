"""The dry run of a list: every error and warning of every row, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from apps.accounts.models import User
from apps.batches.changing.rows import correct_row, leave_out, take_back_in
from apps.batches.checking import check, known_order
from apps.batches.checking.accepting import accepted_keys
from apps.batches.checking.check import check_batch, check_rows, recheck, set_attention
from apps.batches.checking.evaluation import evaluate
from apps.batches.checking.known_order import KnownOrder
from apps.batches.models import Batch, BatchState, OwnState
from apps.batches.selectors import rows_of, rows_to_send
from apps.batches.sending import control
from apps.cdp.client import CdpClient, ListedConsumers
from apps.cdp.errors import CdpUnreachable
from apps.cdp.factory import get_client
from apps.cdp.records import Order
from apps.consumers.duplicates.known import NOT_READ
from apps.consumers.labels import warning_text
from apps.consumers.models import IdentityRule, OrderReading, Outcome
from apps.consumers.models.order_reading import OrderGuest
from apps.consumers.order_lookup.readings import store_reading
from apps.consumers.sending.submit import NotConfirmed, submit
from apps.consumers.sending.warnings import CANCELLED, EntryWarning, consumer_of_key
from apps.core import clock
from apps.core.references import reference_key
from sandbox.data.seed import CANCELLED_ORDER, FAMILY_ORDER, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support import personal_rows
from tests.support.batch_rows import (
    IDA,
    KAI,
    batch_of,
    findings,
    row_of,
    sent_row,
    shown_rows,
    states,
    warning_codes,
)
from tests.support.entries import FULL, clean, posted, store
from tests.support.keys import new_encryption_key
from tests.support.people import acting
from tests.support.resolving import add_elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

OLA = clean(first_name="Ola", last_name="Tidy", emails=("ola@example.com",))


def test_row_without_findings_is_ready(staff: User) -> None:
    batch = batch_of(staff, [IDA, OLA])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready", "ready"]
    assert not row_of(batch, 2).encrypted_findings
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert batch.checked_at is not None


@pytest.mark.sql("new")
def test_all_errors_of_a_row_are_named_at_once_with_their_fields_and_the_texts_of_the_form(
    staff: User,
) -> None:
    values = posted(IDA, order="", first_name="", date_of_birth="31 2 1990", gender="x")
    values["emails-0-value"] = "nobody"
    batch = batch_of(staff, [values])
    check_batch(batch, client=get_client())
    assert states(batch) == ["attention"]
    assert [(one.field, one.text) for one in findings(batch, 2).errors] == [
        ("gender", "Choose a gender from the list"),
        ("first_name", "Enter the first name"),
        ("date_of_birth", "Date of birth must be a real date, such as 7 March 1991"),
        ("emails-0-value", "Enter the email address in full, such as name@example.com"),
    ]


@pytest.mark.parametrize("typed", ["", SAMPLE_ORDER.upper(), " ord-77 "])
def test_row_may_name_the_order_of_the_list(typed: str, staff: User) -> None:
    batch = batch_of(staff, [{**posted(IDA), "order_ref": typed}], order_number="ORD-77")
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]


@pytest.mark.parametrize("typed", ["ORD-78", "11111111-2222-4333-8444-555555555555", "x" * 3000])
def test_row_of_another_order_is_an_error(typed: str, staff: User) -> None:
    batch = batch_of(staff, [{**posted(IDA), "order_ref": typed}], order_number="ORD-77")
    check_batch(batch, client=get_client())
    [error] = findings(batch, 2).errors
    assert (error.field, error.text) == ("order_ref", "This row names another order than the list")


@pytest.mark.parametrize("stated", ["90", "900"])
def test_row_with_more_numbers_than_the_form_reads_has_the_error_of_the_form(
    staff: User, stated: str
) -> None:
    values = {**posted(IDA), "phone_numbers-TOTAL_FORMS": stated}
    values |= {f"phone_numbers-{index}-value": f"+3538512345{index:02}" for index in range(90)}
    batch = batch_of(staff, [values])
    check_batch(batch, client=get_client())
    [error] = findings(batch, 2).errors
    assert (error.field, error.text) == ("phone_numbers", "Enter at most 20 phone numbers")


def test_row_that_cannot_be_decrypted_stays_as_it_is(staff: User, settings: Settings) -> None:
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    before, keys = states(batch), settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    check_batch(batch, client=get_client())
    settings.ENCRYPTION_KEYS = keys
    assert states(batch) == before
    assert findings(batch, 2).errors == ()


@pytest.mark.sql("new")
def test_erased_row_needs_attention(staff: User) -> None:
    batch = batch_of(staff, [IDA])
    row = row_of(batch, 2)
    row.encrypted_values = b""
    row.save()
    check_batch(batch, client=get_client())
    assert [error.text for error in findings(batch, 2).errors] == ["This row cannot be read. Upload it again"]


def test_warnings_are_those_of_a_send(staff: User, sandbox: SandboxServer, settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    IdentityRule.objects.create(name="Profile", provider="ProfileSystem", priority=1)
    settings.EMAIL_IDENTIFIES = False
    add_elsewhere(IDA)
    store(staff, Outcome.CREATED, replace(OLA, phone_numbers=("+353851234567",)))
    odd = replace(
        IDA,
        first_name="Ida and Bo",
        date_of_birth=date(1850, 1, 1),
        phone_numbers=("12",),
        passport_number="АB１23456",  # a Cyrillic A, a full-width 1
    )
    people = [IDA, replace(OLA, title="Dr"), odd, KAI]
    batch = batch_of(staff, people)
    check_batch(batch, client=get_client())
    for number, consumer in enumerate(people, start=2):
        with pytest.raises(NotConfirmed) as stopped:
            submit(
                order_ref=SAMPLE_ORDER,
                consumer=consumer,
                token=row_of(batch, number).token,
                actor=acting(staff),
                client=get_client(),
            )
        shown = [one for one in findings(batch, number).warnings if one.code != "similar_row"]
        assert [(one.key, one.field, one.text) for one in shown] == [
            (one.key, one.field, warning_text(one)) for one in stopped.value.warnings
        ]
    assert warning_codes(batch, 2) == ["similar_consumer", "no_matching_identity"]
    assert (
        findings(batch, 2).warnings[0].text.startswith("The same consumer is on this order in Sitecore CDP.")
    )
    assert findings(batch, 2).warnings[0].needs_reason
    assert any("full-width ones: А １." in one.text for one in findings(batch, 4).warnings)


def test_order_is_read_once_and_its_consumers_are_stored(
    staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    elsewhere = add_elsewhere(KAI)
    batch = batch_of(staff, [IDA, OLA])
    asked = len(sandbox.sandbox.requests())
    check_batch(batch, client=get_client())
    assert len(sandbox.sandbox.requests()) - asked == 3  # the order, and its list to its end
    batch.refresh_from_db()
    assert elsewhere.ref in (batch.refs_at_check or [])


@pytest.mark.sql("new")
@pytest.mark.parametrize("minutes", [1, 11])
def test_consumer_that_only_the_vendor_has_stays_a_warning_after_a_correction_of_another_row(
    minutes: int, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    elsewhere = add_elsewhere(KAI)
    batch = batch_of(staff, [KAI, posted(IDA, first_name="")])
    check_batch(batch, client=get_client())
    earlier = clock.now() - timedelta(minutes=minutes)
    OrderReading.objects.update(read_at=earlier)
    recheck(batch)
    assert states(batch) == ["attention", "attention"]
    [warning] = findings(batch, 2).warnings
    assert (warning.code, warning.submission) == ("similar_consumer", "")
    assert consumer_of_key(warning.key) == reference_key(elsewhere.ref)


@pytest.mark.sql("new")
@pytest.mark.parametrize("change", ["corrected", "with_errors", "left_out"])
def test_cancelled_order_stays_a_warning_until_the_order_is_read_again(
    change: str, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    rows = [IDA, posted(OLA, first_name="") if change == "with_errors" else OLA, KAI]
    batch = batch_of(staff, rows, order=CANCELLED_ORDER)
    check_batch(batch, client=get_client())
    OrderReading.objects.update(read_at=clock.now() - timedelta(minutes=11))
    if change == "left_out":
        leave_out(batch, [3], actor=acting(staff))
    else:
        correct_row(batch, row_of(batch, 3), posted(OLA, order=""), actor=acting(staff))
    waiting = [2, 4] if change == "left_out" else [2, 3, 4]
    assert [row.number for row in rows_of(batch) if row.current == OwnState.NEEDS_ATTENTION] == waiting
    assert [warning_codes(batch, number) for number in waiting] == [["cancelled_order"]] * len(waiting)
    OrderReading.objects.all().delete()
    with_another_status = KnownOrder(clock.now(), order=Order(CANCELLED_ORDER, status="CONFIRMED"))
    found = evaluate(batch, list(rows_of(batch)), with_another_status)
    assert {one.state for one in found.values()} == {OwnState.READY}


@pytest.mark.sql("new")
@pytest.mark.parametrize("first_name", ["", "Ola"])
def test_cancelled_order_stays_a_warning_of_a_row_that_had_errors_meanwhile(
    first_name: str, staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [posted(OLA, first_name=first_name)], order=CANCELLED_ORDER)
    check_batch(batch, client=get_client())
    OrderReading.objects.update(read_at=clock.now() - timedelta(minutes=11))
    for values in (posted(OLA, first_name="", order=""), posted(OLA, order="")):
        correct_row(batch, row_of(batch, 2), values, actor=acting(staff))
    assert (states(batch), warning_codes(batch, 2)) == (["attention"], ["cancelled_order"])


@pytest.mark.sql("new")
@pytest.mark.parametrize("corrected", [2, 3])
def test_row_that_a_cancelled_order_put_aside_is_not_sent_after_a_correction(
    corrected: int, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, [IDA, OLA], order=CANCELLED_ORDER)
    batch.rows.update(state=OwnState.READY, confirmed_version=1)
    warning = EntryWarning(CANCELLED, "order_ref", value=reference_key(CANCELLED_ORDER), part="CANCELLED")
    set_attention(row_of(batch, 2), (warning,))
    correct_row(batch, row_of(batch, corrected), posted(KAI, order=""), actor=acting(staff))
    assert states(batch) == ["attention", "attention"]
    assert not rows_to_send(batch).exists()


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("cause", ["corrected", "taken_back", "not_reached"])
def test_row_that_was_not_compared_with_the_order_is_compared_before_it_is_confirmed(
    cause: str, staff: User, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    add_elsewhere(KAI)
    batch = batch_of(staff, [posted(IDA, first_name="") if cause == "corrected" else KAI])
    if cause == "taken_back":
        batch.rows.update(state=OwnState.LEFT_OUT)
    with monkeypatch.context() as patch:
        if cause == "not_reached":
            patch.setattr(CdpClient, "read_order_consumers", _not_reached)
        check_batch(batch, client=get_client())
    OrderReading.objects.update(read_at=clock.now() - timedelta(minutes=11))
    if cause == "corrected":
        correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))
    if cause == "taken_back":
        take_back_in(batch, [2], actor=acting(staff))
    assert states(batch) == ["ready"]
    batch.refresh_from_db()
    result = control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert (result, states(batch)) == (control.ConfirmResult(0, (2,)), ["attention"])
    assert warning_codes(batch, 2) == ["similar_consumer"]


def _not_reached(*_given: object, **_named: object) -> None:
    raise CdpUnreachable


def test_confirmation_after_a_correction_reads_only_the_references(
    staff: User, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [IDA, OLA])
    check_batch(batch, client=get_client())
    leave_out(batch, [3], actor=acting(staff))  # compared with what the check has read
    batch.refresh_from_db()
    monkeypatch.setattr(control, "check_batch", lambda *_, **__: pytest.fail("checked again"))
    result = control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert result == control.ConfirmResult(1)


@pytest.mark.parametrize(("is_whole", "codes"), [(True, []), (False, ["similar_consumer"])])
def test_warning_about_a_consumer_ends_only_if_a_whole_list_lacks_it(
    staff: User, sandbox: SandboxServer, settings: Settings, is_whole: bool, codes: list[str]
) -> None:
    settings.CDP_RECONCILIATION = True
    add_elsewhere(KAI)
    batch = batch_of(staff, [KAI])
    check_batch(batch, client=get_client())
    assert warning_codes(batch, 2) == ["similar_consumer"]
    OrderReading.objects.all().delete()
    listed = ListedConsumers((), (), has_ended=True, is_whole=is_whole)
    [found] = evaluate(batch, list(rows_of(batch)), KnownOrder(clock.now(), listed, refs=())).values()
    assert [one.code for one in found.findings.warnings] == codes


def test_reading_of_a_check_stands_for_that_of_the_sends(
    staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    asked = len(sandbox.sandbox.requests())
    sent = submit(
        order_ref=SAMPLE_ORDER,
        consumer=IDA,
        token=row_of(batch, 2).token,
        actor=acting(staff),
        client=get_client(),
    )
    assert (sent.outcome, len(sandbox.sandbox.requests()) - asked) == (Outcome.CREATED, 1)
    assert sent.refs_before is not None


def _status(status: str) -> Callable[..., Order]:
    """Stands for the call that reads an order: it has this status."""
    return lambda _client, ref, **_named: Order(ref, status=status)


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("list_fails", [False, True])
def test_check_reads_an_order_again_that_was_not_read_within_the_last_minute(
    list_fails: bool, staff: User, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]
    OrderReading.objects.update(read_at=clock.now() - timedelta(minutes=5))
    monkeypatch.setattr(CdpClient, "retrieve_order", _status("CANCELLED"))
    if list_fails:
        monkeypatch.setattr(CdpClient, "read_order_consumers", _not_reached)
    check_batch(batch, client=get_client())
    recheck(batch)  # compares with what the check has stored
    assert (states(batch), warning_codes(batch, 2)) == (["attention"], ["cancelled_order"])


@pytest.mark.sql("repeated")
def test_order_that_a_check_cannot_read_again_keeps_the_time_of_its_reading(
    staff: User, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [IDA], order=CANCELLED_ORDER)
    check_batch(batch, client=get_client())
    earlier = clock.now() - timedelta(minutes=5)
    OrderReading.objects.update(read_at=earlier)
    monkeypatch.setattr(CdpClient, "retrieve_order", _not_reached)
    elsewhere = add_elsewhere(KAI, CANCELLED_ORDER)
    check_batch(batch, client=get_client())
    assert warning_codes(batch, 2) == ["cancelled_order"]
    reading = OrderReading.objects.get()
    assert reading.read_at == earlier
    assert reading.listed is not None
    assert elsewhere.ref in reading.listed.refs  # the list was read
    batch.refresh_from_db()
    assert elsewhere.ref in (batch.refs_at_check or [])


@pytest.mark.sql("new")
def test_check_that_reads_fewer_consumers_than_an_earlier_one_keeps_their_data(
    staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"list_items": "refs"})
    elsewhere = add_elsewhere(KAI)
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    earlier = clock.now() - timedelta(minutes=9)
    OrderReading.objects.update(read_at=earlier)
    later = add_elsewhere(OLA)
    sandbox.sandbox.faults.arm(Armed("500_before", operation="retrieve_order_consumer", times=9))
    check_batch(batch, client=get_client())
    reading = OrderReading.objects.get()
    assert reading.read_at == earlier  # that of its oldest part
    assert reading.listed is not None
    assert {elsewhere.ref, later.ref} <= {*reading.listed.refs}
    correct_row(batch, row_of(batch, 2), posted(KAI, order=""), actor=acting(staff))
    assert (states(batch), warning_codes(batch, 2)) == (["attention"], ["similar_consumer"])


@pytest.mark.parametrize(("minutes", "are_kept"), [(4, True), (6, False)])
def test_check_keeps_the_guests_of_an_order_with_their_time_unless_it_is_nearly_over(
    staff: User, sandbox: SandboxServer, settings: Settings, minutes: int, are_kept: bool
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [IDA])
    earlier = clock.now() - timedelta(minutes=minutes)
    guests = (OrderGuest("one", "Ida Tidy"),)
    store_reading(SAMPLE_ORDER, Order(SAMPLE_ORDER), NOT_READ, read_at=earlier, guests=guests)
    check_batch(batch, client=get_client())
    reading = OrderReading.objects.get()
    assert (reading.guests == guests, reading.read_at == earlier) == (are_kept, are_kept)


@pytest.mark.sql("new")
def test_slow_order_that_is_known_leaves_time_for_its_consumers(
    staff: User, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [IDA])
    monkeypatch.setattr(known_order, "SNAPSHOT_SECONDS", 100.0)  # so that a busy machine does not matter
    asked: list[float] = []
    read = CdpClient.retrieve_order

    def retrieve(client: CdpClient, ref: str, *, within: float | None = None) -> Order:
        asked.append(within or 0.0)
        return read(client, ref, within=within)

    monkeypatch.setattr(CdpClient, "retrieve_order", retrieve)
    check_batch(batch, client=get_client())
    OrderReading.objects.update(read_at=clock.now() - timedelta(minutes=5))
    check_batch(batch, client=get_client())
    [first, again] = asked
    assert first > 50 >= again


def test_order_that_cannot_be_read_costs_the_evidence_and_not_the_check(
    staff: User, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = True
    sandbox.stop()
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]
    batch.refresh_from_db()
    assert (batch.refs_at_check, batch.checked_at) == (None, None)  # compared before it is confirmed


def test_later_of_two_similar_rows_has_a_warning_with_the_row(staff: User) -> None:
    near = replace(FULL, first_name="Aoife Zaphodinna")
    batch = batch_of(staff, [FULL, KAI, near, FULL])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready", "ready", "attention", "attention"]
    [warning] = findings(batch, 4).warnings
    assert (warning.key, warning.code, warning.row) == ("row:2:same_identifier", "similar_row", 2)
    assert warning.text.startswith("A similar consumer is in row 2 of this list. Same fields:")
    assert warning.needs_reason
    same, near_one = findings(batch, 5).warnings
    assert (same.key, near_one.key) == ("row:2:same_identifier", "row:4:same_identifier")
    assert same.text.startswith("The same consumer is in row 2 of this list.")


def test_confirmed_row_confirms_the_warning_about_its_submission(staff: User, sandbox: SandboxServer) -> None:
    batch = batch_of(staff, [FULL, replace(FULL, title="Sir")])
    check_batch(batch, client=get_client())
    row = row_of(batch, 3)
    row.accepted, row.similar_reason = ["row:2:same_identifier"], "same_name"
    row.save()
    recheck(batch)
    assert states(batch) == ["ready", "ready"]
    first = sent_row(batch, 2, Outcome.CREATED, FULL)
    assert accepted_keys(row_of(batch, 3)) == {
        "row:2:same_identifier",
        f"similar_consumer:{first.public_id}:same_identifier",
    }
    sent = submit(
        order_ref=batch.order_ref,
        consumer=replace(FULL, title="Sir"),
        token=row.token,
        actor=acting(staff),
        client=get_client(),
        accepted=accepted_keys(row_of(batch, 3)),
        similar_reason="same_name",
    )
    assert sent.outcome == Outcome.CREATED
    recheck(batch)
    assert states(batch) == ["created", "created"]


@pytest.mark.sql("new")
def test_check_after_the_earlier_row_was_sent_keeps_what_was_confirmed(staff: User) -> None:
    batch = batch_of(staff, [FULL, FULL])
    row = row_of(batch, 3)
    row.accepted, row.similar_reason = ["row:2:same_identifier"], "same_name"
    row.save()
    first = sent_row(batch, 2, Outcome.SENDING, FULL)
    recheck(batch)
    assert states(batch) == ["sending", "ready"]
    first.outcome, first.consumer_ref = Outcome.CREATED, "r-1"
    first.finished_at = first.submitted_at
    first.save()
    recheck(batch)
    assert states(batch) == ["created", "ready"]
    assert warning_codes(batch, 3) == ["similar_consumer"]


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.SENDING, Outcome.UNKNOWN])
def test_row_whose_content_was_sent_is_left_out_and_names_the_submission(
    outcome: Outcome, staff: User
) -> None:
    earlier = store(staff, outcome, FULL)
    batch = batch_of(staff, [FULL, replace(FULL, title="Sir")])
    check_batch(batch, client=get_client())
    assert states(batch) == ["already_sent", "attention"]
    assert row_of(batch, 2).earlier == earlier.public_id
    assert warning_codes(batch, 3) == ["similar_consumer"]


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED])
def test_row_whose_content_was_not_created_is_ready(outcome: Outcome, staff: User) -> None:
    store(staff, outcome, FULL)
    batch = batch_of(staff, [FULL])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]


@pytest.mark.sql("new")
def test_erased_submission_is_not_compared(staff: User) -> None:
    personal_rows.erase(store(staff, Outcome.CREATED, FULL))
    batch = batch_of(staff, [FULL])
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]


def test_corrected_row_of_a_list_is_compared_with_the_row_it_replaces(staff: User) -> None:
    old = batch_of(staff, [IDA, OLA, KAI])
    created = sent_row(old, 2, Outcome.CREATED, IDA)
    open_ = sent_row(old, 3, Outcome.UNKNOWN, OLA)
    sent_row(old, 4, Outcome.REJECTED, KAI)
    someone = clean(first_name="Mira", last_name="Other", emails=("mira@example.com",))
    another = clean(first_name="Noor", last_name="Else", emails=("noor@example.com",))
    batch = batch_of(staff, [someone, another, KAI], replaces=old)
    check_batch(batch, client=get_client())
    assert states(batch) == ["attention", "already_sent", "ready"]
    [warning] = findings(batch, 2).warnings
    assert (warning.code, warning.key) == ("row_sent_before", f"row_sent_before:{created.public_id}")
    assert row_of(batch, 3).earlier == open_.public_id


def test_rows_that_only_moved_are_not_compared_with_what_replaced_them(staff: User) -> None:
    old = batch_of(staff, [IDA, OLA])
    sent_row(old, 2, Outcome.CREATED, IDA)
    sent_row(old, 3, Outcome.CREATED, OLA)
    batch = batch_of(staff, [KAI, IDA, OLA], replaces=old)
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready", "already_sent", "already_sent"]


def test_correction_of_a_correction_is_compared_with_the_first_list_too(staff: User) -> None:
    first = batch_of(staff, [IDA])
    sent_row(first, 2, Outcome.CREATED, IDA)
    second = batch_of(staff, [IDA], replaces=first)
    batch = batch_of(staff, [KAI], replaces=second)
    check_batch(batch, client=get_client())
    assert warning_codes(batch, 2) == ["row_sent_before"]


def test_row_of_a_replaced_list_for_another_order_says_nothing(staff: User) -> None:
    old = batch_of(staff, [IDA, OLA], order=FAMILY_ORDER)  # uploaded for the wrong order
    sent_row(old, 2, Outcome.UNKNOWN, IDA)
    sent_row(old, 3, Outcome.CREATED, OLA)
    batch = batch_of(staff, [IDA, KAI], replaces=old)
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready", "ready"]
    upper = batch_of(staff, [IDA, KAI], order=FAMILY_ORDER.upper(), replaces=old)
    check_batch(upper, client=get_client())
    assert states(upper) == ["already_sent", "attention"]


def test_rows_left_out_or_sent_are_not_checked(staff: User) -> None:
    batch = batch_of(staff, [IDA, IDA, IDA])
    batch.rows.filter(number=2).update(state=OwnState.LEFT_OUT)
    sent_row(batch, 3, Outcome.REJECTED, IDA)
    check_batch(batch, client=get_client())
    assert states(batch) == ["left_out", "rejected", "ready"]


def test_checking_some_rows_stores_only_these(staff: User) -> None:
    batch = batch_of(staff, [FULL, FULL, KAI])
    check_rows(batch, [row_of(batch, 3)])
    assert states(batch) == ["unchecked", "attention", "unchecked"]


def test_statements_do_not_grow_with_the_rows(
    staff: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    people = [
        clean(first_name="Ann", last_name=f"Surname{letter * 4}", emails=(f"{letter}@example.com",))
        for letter in "abcdefghijklmnopqrstuvwxyz"
    ]
    store(staff, Outcome.CREATED, people[0])
    batch = batch_of(staff, [replace(one, title="Dr") for one in people])
    with django_assert_max_num_queries(20):
        check_batch(batch, client=get_client())
    assert states(batch).count("ready") == 25


@pytest.mark.sql("new")
def test_row_that_changes_during_a_check_is_checked_as_it_is_then(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(staff, [FULL, KAI])
    calls: list[object] = []

    def evaluate_slowly(*given: object) -> object:
        found = evaluate(*given)  # type: ignore[arg-type]
        calls.append(found)
        if len(calls) == 1:
            row = row_of(batch, 3)
            row.values = {name: value for name, value in posted(FULL, order="").items() if name != "token"}
            row.version += 1
            row.save()
        return found

    monkeypatch.setattr(check, "evaluate", evaluate_slowly)  # as it is imported there
    check_batch(batch, client=get_client())
    assert len(calls) == 2
    assert states(batch) == ["ready", "attention"]


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("order", [SAMPLE_ORDER, CANCELLED_ORDER])
@pytest.mark.parametrize(
    "earlier",
    [
        lambda batch: check_batch(batch, client=get_client()),
        recheck,
        lambda batch: check_rows(batch, batch.rows.all()),
    ],
    ids=["whole", "again", "rows"],
)
def test_check_with_an_older_reading_of_the_order_overwrites_no_newer_one(
    earlier: Callable[[Batch], None],
    order: str,
    staff: User,
    sandbox: SandboxServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the cancelled order the row needs attention before and after, and only its warnings change."""
    settings.CDP_RECONCILIATION = True
    batch = batch_of(staff, [KAI], order=order)
    check_batch(batch, client=get_client())
    store(staff, Outcome.CREATED, replace(KAI, title="Dr"), order=order)  # every check finds this one
    calls: list[object] = []
    elsewhere: list[str] = []

    def evaluate_while_another_tab_checks(*given: object) -> object:
        found = evaluate(*given)  # type: ignore[arg-type]
        calls.append(found)
        if len(calls) == 1:
            elsewhere.append(add_elsewhere(KAI, order=order).ref)
            OrderReading.objects.all().delete()
            check_batch(Batch.objects.get(pk=batch.pk), client=get_client())
        return found

    monkeypatch.setattr(check, "evaluate", evaluate_while_another_tab_checks)  # as it is imported there
    earlier(batch)
    assert warning_codes(batch, 2).count("similar_consumer") == 2
    assert states(batch) == ["attention"]
    stored = Batch.objects.get(pk=batch.pk)
    assert stored.checked_at is not None
    assert [*map(reference_key, stored.refs_at_check or ())] == [reference_key(elsewhere.pop())]


@pytest.mark.sql("repeated")
def test_check_from_before_the_clock_was_set_back_does_not_stop_later_ones(staff: User) -> None:
    batch = batch_of(staff, [KAI], checked_at=clock.now() + timedelta(hours=1))
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready"]
    assert Batch.objects.filter(pk=batch.pk, checked_at__lte=clock.now()).exists()


def test_warnings_of_a_stopped_send_need_attention(staff: User) -> None:
    batch = batch_of(staff, [IDA])
    check_batch(batch, client=get_client())
    store(staff, Outcome.CREATED, replace(IDA, title="Dr"))
    with pytest.raises(NotConfirmed) as stopped:
        submit(
            order_ref=SAMPLE_ORDER,
            consumer=IDA,
            token=row_of(batch, 2).token,
            actor=acting(staff),
            client=get_client(),
        )
    set_attention(row_of(batch, 2), stopped.value.warnings)
    assert states(batch) == ["attention"]
    assert warning_codes(batch, 2) == ["similar_consumer"]
