"""Whether the page or the file of a list of people showed one of its rows."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction

from apps.accounts.models import User
from apps.audit.recording import record
from apps.batches.audit_events import BATCH_DOWNLOADED, BATCH_VIEWED
from apps.consumers import recording
from apps.consumers.audit_events import CONSUMER_CREATE_REQUESTED
from apps.consumers.models import Outcome, Submission
from apps.privacy.exports import Uncertainty
from apps.privacy.verdicts import AccessVerdict
from tests.support.access_report import made_for, of, of_list, verdicts
from tests.support.entries import store
from tests.support.people import acting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.sql("repeated")
def test_file_of_a_list_showed_its_rows_and_a_page_could_have(one: Submission, supervisor: User) -> None:
    batch = uuid.uuid4()
    other = of_list(BATCH_DOWNLOADED, batch, supervisor)
    assert verdicts(one) == []  # the submission is of no list
    made_for(one, batch, 7)
    page = of_list(BATCH_VIEWED, batch, supervisor)
    file = of_list(BATCH_DOWNLOADED, batch, supervisor)
    of_list(BATCH_DOWNLOADED, uuid.uuid4(), supervisor)
    found = {line.event.seq: (line.verdict, line.uncertainty) for line in of(one).lines()}
    assert found.pop(page) == (AccessVerdict.POSSIBLE, Uncertainty.ROW_UNCERTAIN)
    assert found.pop(file) == (AccessVerdict.SHOWED, None)
    assert {*found} == {other}


@pytest.mark.sql("repeated")
def test_row_that_was_not_sent_yet_or_was_sent_again_could_have_been_another(
    staff: User, supervisor: User
) -> None:
    batch = uuid.uuid4()
    early = of_list(BATCH_DOWNLOADED, batch, supervisor)
    made = [store(staff, Outcome.NOT_SENT, batch=batch, batch_row=7) for _ in range(2)]
    files = []
    for one in made:
        with transaction.atomic():
            record(recording.event_of(CONSUMER_CREATE_REQUESTED, one, acting(staff)))
        files.append(of_list(BATCH_DOWNLOADED, batch, supervisor))
    corrected, certain = (AccessVerdict.POSSIBLE, Uncertainty.ROW_UNCERTAIN), (AccessVerdict.SHOWED, None)
    for one, expected in zip(made, ([certain, corrected], [corrected, certain]), strict=True):
        found = {line.event.seq: (line.verdict, line.uncertainty) for line in of(one).lines()}
        assert found == {early: corrected, **dict(zip(files, expected, strict=True))}
