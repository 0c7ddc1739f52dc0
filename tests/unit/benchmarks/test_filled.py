"""The full database of the benchmarks contains only rows that the portal could have written."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection

from apps.consumers.models import DigestKind, Outcome, Submission, SubmissionDigest
from apps.consumers.searches import Search
from apps.consumers.sending.digests import search_digest
from apps.consumers.viewer import UNRESTRICTED
from apps.history.selection import Selection, SubmissionFilter
from tests.support.filled_database import COMMONEST, fill


@pytest.mark.django_db(transaction=True)
def test_full_database_contains_submissions_as_the_portal_stores_them() -> None:
    before = set(connection.introspection.table_names())
    for _ in range(2):  # the second call adds to the first
        fill(connection, 40)
    assert Submission.objects.count() == 80
    for one in Submission.objects.all():
        one.validate_constraints()
        assert one.consumer is not None
        assert one.answer is not None or one.outcome != Outcome.CREATED
    assert {Outcome.CREATED, Outcome.REJECTED, Outcome.UNKNOWN} <= {
        *Submission.objects.values_list("outcome", flat=True)
    }
    assert SubmissionDigest.objects.filter(kind=DigestKind.LAST_NAME).count() == 80
    commonest = (DigestKind.LAST_NAME, (search_digest(DigestKind.LAST_NAME, COMMONEST),))
    asked = SubmissionFilter(search=Search(uuid.uuid4(), (commonest,)))
    found = Selection(asked, UNRESTRICTED).submissions()
    assert {one.consumer.last_name for one in found if one.consumer} <= {COMMONEST}
    with connection.cursor() as cursor:
        names = connection.introspection.get_constraints(cursor, Submission._meta.db_table)
    assert {index.name for index in Submission._meta.indexes} <= names.keys()
    assert set(connection.introspection.table_names()) == before
