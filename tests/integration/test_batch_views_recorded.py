"""Pages and files of lists show consumers of other people: an access report finds them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.batches.checking import check
from apps.batches.checking.findings import Findings, RowWarning
from apps.batches.models import Batch, OwnState
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, ShownKey, Submission
from apps.consumers.recording import key_of
from apps.consumers.sending.warnings import SIMILAR, similar_key
from apps.core import personal_data
from apps.core.references import RecordKind, reference_key
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at
from tests.support.batch_rows import batch_of, row_of
from tests.support.batch_sending import people
from tests.support.entries import store
from tests.support.people import events, make_person

pytestmark = pytest.mark.django_db

PAGES = ["batch", "row", "result"]


def _open(client: Client, name: str, batch: Batch) -> None:
    arguments = [2] if name == "row" else []
    answer: Any = client.get(at(name, batch, *arguments))
    assert answer.status_code == 200
    if name == "result":
        b"".join(answer.streaming_content)


def _similar(staff: User) -> tuple[Batch, Submission]:
    """A list with a row that is like the consumer of a colleague."""
    [person] = people(1)
    submission = store(make_person("olga", "staff"), Outcome.CREATED, person)
    batch = batch_of(staff, [replace(person, emails=("another@example.com",))])
    check.check_batch(batch, client=get_client())
    return batch, submission


@pytest.mark.parametrize("name", PAGES)
def test_consumer_of_a_colleague_that_a_warning_names_is_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer, name: str
) -> None:
    batch, submission = _similar(staff)
    assert row_of(batch, 2).current == "attention"
    _open(as_staff, name, batch)
    assert [event.submission for event in events("consumer.compared")] == [str(submission.public_id)]


@pytest.mark.parametrize("name", PAGES)
def test_consumer_that_only_the_vendor_has_is_recorded_with_its_key(
    as_staff: Client, staff: User, sandbox: SandboxServer, name: str
) -> None:
    batch = batch_of(staff, people(1))
    ref = "0a1b2c3d-0000-4000-8000-00000000abcd"
    key = similar_key(reference_key(ref), "name")
    row = row_of(batch, 2)
    found = Findings(warnings=(RowWarning(key, SIMILAR, "last_name", "A similar consumer"),))
    row.encrypted_findings = personal_data.encrypted(row, "encrypted_findings", found.to_json())
    row.state = OwnState.NEEDS_ATTENTION
    row.save()
    _open(as_staff, name, batch)
    [event] = events("consumer.compared")
    assert event.consumer_ref == ref
    assert ShownKey.objects.filter(key=key_of(RecordKind.CONSUMER, ref), seq=event.seq).exists()


@pytest.mark.parametrize("name", PAGES)
def test_earlier_submission_of_a_row_already_sent_is_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer, name: str
) -> None:
    [person] = people(1)
    submission = store(make_person("olga", "staff"), Outcome.CREATED, person)
    batch = batch_of(staff, [person])
    check.check_batch(batch, client=get_client())
    assert row_of(batch, 2).current == "already_sent"
    _open(as_staff, name, batch)
    [event] = events("submissions.listed")
    assert json.loads(event.data)["rows"] == [str(submission.pk)]
