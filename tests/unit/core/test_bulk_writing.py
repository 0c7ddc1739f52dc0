"""Statements by plain SQL store what the ORM would store, and refuse what it would refuse."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DataError, connection, transaction

from apps.accounts.models import User
from apps.consumers.models import OPEN_OUTCOMES, Outcome, ShownKey, Submission
from apps.core.bulk_writing import insert_rows, update_row, update_rows
from tests.support.history_rows import bare

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite limits no length")
def test_text_that_is_too_long_is_refused_and_not_cut_off() -> None:
    insert_rows(ShownKey, ["key", "seq"], [("k" * 220, 1)])
    with pytest.raises(DataError, match="too long"), transaction.atomic():
        insert_rows(ShownKey, ["key", "seq"], [("l" * 221, 2)])
    row = ShownKey.objects.get()
    with pytest.raises(DataError, match="too long"), transaction.atomic():
        update_rows(ShownKey, ["key"], [(row.pk, ("l" * 221,))])
    with pytest.raises(DataError, match="too long"), transaction.atomic():
        update_row(row, {"key": "l" * 221}, if_column="key", is_in=[row.key])
    assert ShownKey.objects.get().key == "k" * 220


def test_row_is_updated_only_if_its_column_has_one_of_the_values() -> None:
    person, at = User.objects.create(username="pat", name="Pat"), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    Submission.objects.bulk_create(bare(person, Outcome.UNKNOWN, at) for _ in range(2))
    one, other = Submission.objects.order_by("pk")
    values = {
        "outcome": Outcome.REJECTED,
        "http_status": 400,
        "finished_at": at + dt.timedelta(seconds=1, microseconds=5),
        "encrypted_answer": b"\x00\xff",
        "error_code": "100% 'quoted'",
        "next_check_at": None,
    }
    assert update_row(one, values, if_column="outcome", is_in=OPEN_OUTCOMES)
    assert not update_row(one, {"http_status": 500}, if_column="outcome", is_in=OPEN_OUTCOMES)
    stored = Submission.objects.get(pk=one.pk)
    expected = {field.attname: getattr(one, field.attname) for field in Submission._meta.fields} | values
    assert {
        field.attname: _comparable(getattr(stored, field.attname)) for field in Submission._meta.fields
    } == {name: _comparable(value) for name, value in expected.items()}
    assert Submission.objects.get(pk=other.pk).outcome == Outcome.UNKNOWN


def _comparable(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
