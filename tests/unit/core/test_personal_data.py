"""The registry finds, describes, encrypts and digests again, and erases what is personal."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.checking.findings import Findings, RowError
from apps.batches.models import Batch, BatchRow
from apps.cdp.client import ListedConsumers
from apps.cdp.consumers import OrderConsumer
from apps.cdp.records import Order
from apps.consumers import selectors
from apps.consumers.models import (
    DigestKind,
    Draft,
    OrderReading,
    Outcome,
    PastResolution,
    RecordedSearch,
    ResolutionReason,
    Submission,
    SubmissionDigest,
    SubmissionNote,
)
from apps.consumers.reconciliation import taking
from apps.consumers.reconciliation.resolution import resolve
from apps.consumers.sending.digests import content_digest, content_digests_of, search_digest
from apps.core import personal_data
from apps.core.key_fingerprints import ENCRYPTION
from apps.core.personal_data import EncryptedColumn, PersonalModel, Problem
from apps.history.models import Export
from sandbox.data.seed import SAMPLE_ORDER
from tests.support import personal_rows
from tests.support.batch_rows import batch_of
from tests.support.entries import FULL, REF, store
from tests.support.keys import digest_again, new_encryption_key
from tests.support.people import acting
from tests.support.searches import recorded

ANSWER = OrderConsumer(ref="r", first_name="Aoife")


def _full(person: User) -> Submission:
    return store(person, Outcome.NOT_CREATED, answer=ANSWER, vendor_message="Not like this", note="Called")


def _corrected(person: User) -> PastResolution:
    resolve(
        _full(person),
        outcome=Outcome.CREATED,
        reason=ResolutionReason.OTHER,
        note="Called again",
        actor=acting(person),
        consumer_ref=REF,
    )
    return PastResolution.objects.get()


def _export(person: User) -> Export:
    export = Export(
        person=person, created_at=dt.datetime.now(dt.UTC), selection={}, format="csv", columns=[],
        personal=True, time_zone="UTC", separator=",", reason="other", rows_expected=0,
    )  # fmt: skip
    export.set_note("For Mrs Zed")
    export.save()
    return export


def _search(person: User) -> RecordedSearch:
    return recorded(person, email="zed@example.com", last_name="Zed")


def _reading(_person: User) -> OrderReading:
    listed = ListedConsumers(("r",), (ANSWER,), has_ended=True, is_whole=True)
    row = OrderReading(order_key=SAMPLE_ORDER, read_at=dt.datetime.now(dt.UTC))
    row.set_data(Order(ref=SAMPLE_ORDER), listed)
    row.save()
    return row


def _draft(person: User) -> Draft:
    row = Draft(person=person, page=uuid.uuid4(), version=1, saved_at=dt.datetime.now(dt.UTC))
    row.set_values({"last_name": "Zed"})
    row.save()
    return row


def _note(person: User) -> SubmissionNote:
    taking.add_note(_full(person), "Mrs Zed called", actor=acting(person))
    return SubmissionNote.objects.get()


def _batch(person: User) -> Batch:
    batch = batch_of(person, [FULL])
    batch.headers = ("Zed's list",)
    batch.save()
    return batch


def _batch_row(person: User) -> BatchRow:
    row: BatchRow = _batch(person).rows.get()
    found = Findings((RowError("last_name", "Zed is too short"),))
    row.encrypted_findings = personal_data.encrypted(row, "encrypted_findings", found.to_json())
    row.save()
    return row


ROWS = {
    SubmissionNote: _note,
    Submission: _full,
    PastResolution: _corrected,
    RecordedSearch: _search,
    OrderReading: _reading,
    Draft: _draft,
    Export: _export,
    Batch: _batch,
    BatchRow: _batch_row,
}


def _stored(row: Any) -> dict[str, bytes]:
    names = [
        column.name
        for column in next(one for one in personal_data.registered() if one.model is type(row)).encrypted
    ]
    return type(row).objects.filter(pk=row.pk).values(*names).get()  # type: ignore[no-any-return]


def _encrypted_again(row: Any) -> personal_data.RewrittenRows:
    """The row's values under the first key of the setting, not written yet."""
    return personal_data.re_encrypt_rows(type(row), [row.pk], ENCRYPTION.fingerprints()[0])


def test_every_registered_model_is_tested_here() -> None:
    assert {definition.model for definition in personal_data.registered()} == {*ROWS}


@pytest.mark.parametrize("model", ROWS)
def test_rows_are_described_encrypted_again_and_erased(
    staff: User, settings: Settings, model: type[Any]
) -> None:
    row = ROWS[model](staff)
    before, described = _stored(row), personal_rows.describe(row)
    assert all(before.values())
    assert len(described) == len(before)
    assert all(one.text and one.title and one.problem is None for one in described)
    settings.ENCRYPTION_KEYS = [new_encryption_key(), *settings.ENCRYPTION_KEYS]
    assert _encrypted_again(row).write()
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    found = model.objects.get(pk=row.pk)
    assert personal_rows.describe(found) == described
    assert not {*before.values()} & {*_stored(row).values()}
    assert [*personal_rows.find(model)] == [row]
    personal_rows.erase(row)
    assert personal_rows.describe(row) == personal_rows.describe(model.objects.get(pk=row.pk)) == ()
    assert not any(_stored(row).values())
    assert not personal_rows.find(model).exists()


def test_row_that_changed_meanwhile_is_not_encrypted_again(staff: User, settings: Settings) -> None:
    row = _full(staff)
    settings.ENCRYPTION_KEYS = [new_encryption_key(), *settings.ENCRYPTION_KEYS]
    rewritten = _encrypted_again(row)
    changed = Submission.objects.get(pk=row.pk)
    changed.encrypted_resolution_note = personal_data.encrypted(
        changed, "encrypted_resolution_note", "Called later"
    )
    changed.save()
    assert not rewritten.write()
    assert Submission.objects.get(pk=row.pk).resolution_note == "Called later"


def test_unreadable_row_is_described_and_not_encrypted_again(staff: User, settings: Settings) -> None:
    row, other = _full(staff), store(staff, Outcome.REJECTED)
    row.encrypted_answer = other.encrypted_consumer
    row.save()
    before = _stored(row)
    settings.ENCRYPTION_KEYS = [new_encryption_key(), *settings.ENCRYPTION_KEYS]
    rewritten = _encrypted_again(row)
    assert (rewritten.unreadable, rewritten.changes) == ([row.public_id], 0)
    problems = [one.problem for one in personal_rows.describe(row)]
    assert problems == [None, Problem.DOES_NOT_BELONG, None, None]
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    rewritten = _encrypted_again(row)
    assert (rewritten.unreadable, rewritten.changes) == ([row.public_id], 0)
    assert {one.problem for one in personal_rows.describe(row)} == {Problem.KEY_MISSING}
    assert _stored(row) == before
    assert "Called" not in repr(personal_rows.describe(row))


def test_digests_follow_a_new_key(staff: User, settings: Settings) -> None:
    row = store(staff, Outcome.CREATED)
    before = {*row.digests.values_list("kind", "digest")}
    settings.DIGEST_KEYS = ["another digest key of this test alone"]
    digest_again(row)
    after = {*SubmissionDigest.objects.values_list("kind", "digest")}
    assert len(after) == len(before)
    assert not before & after
    assert (DigestKind.LAST_NAME, search_digest(DigestKind.LAST_NAME, FULL.last_name)) in after
    assert Submission.objects.get().content_digest == content_digest(row.order_ref, FULL)


def test_digests_of_an_unreadable_row_stay(staff: User, settings: Settings) -> None:
    row = store(staff, Outcome.CREATED)
    before = [*SubmissionDigest.objects.order_by("pk").values()]
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    assert digest_again(row) == [row.public_id]
    assert [*SubmissionDigest.objects.order_by("pk").values()] == before


def test_erased_submission_has_no_digests_and_keeps_its_facts(staff: User) -> None:
    row = store(staff, Outcome.REJECTED)
    personal_rows.erase(row)
    found = Submission.objects.get()
    assert not SubmissionDigest.objects.exists()
    assert found.content_digest == b""
    assert (found.outcome, found.order_ref) == (row.outcome, row.order_ref)
    digest_again(found)
    assert not SubmissionDigest.objects.exists()


def test_erased_submissions_are_not_repeats_of_each_other(staff: User) -> None:
    first, second = store(staff, Outcome.NOT_CREATED), store(staff, Outcome.CREATED)
    assert selectors.sent_again(first, content_digests_of(first)) == [second]
    personal_rows.erase(first)
    personal_rows.erase(second)
    assert selectors.sent_again(first, content_digests_of(first)) == []


def test_row_with_digests_alone_is_found(staff: User) -> None:
    row = store(staff, Outcome.REJECTED)
    Submission.objects.update(encrypted_consumer=b"", content_digest=b"")
    assert [*personal_rows.find(Submission)] == [row]


def test_unregistered_column_is_refused(staff: User) -> None:
    with pytest.raises(LookupError):
        personal_data.label_of(Submission, "order_ref")
    with pytest.raises(LookupError):
        personal_data.label_of(User, "name")


def test_label_is_used_once() -> None:
    column = EncryptedColumn("encrypted_note", "submission.consumer", "")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="twice"):
        personal_data.register(PersonalModel(Export, (column,)))
