"""Statements that write many rows refuse what the ORM would refuse."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction

from apps.consumers.models import ShownKey
from apps.core.bulk_writing import insert_rows, update_rows

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite limits no length"),
]


def test_text_that_is_too_long_is_refused_and_not_cut_off() -> None:
    insert_rows(ShownKey, ["key", "seq"], [("k" * 220, 1)])
    with pytest.raises(DataError, match="too long"), transaction.atomic():
        insert_rows(ShownKey, ["key", "seq"], [("l" * 221, 2)])
    row = ShownKey.objects.get()
    with pytest.raises(DataError, match="too long"), transaction.atomic():
        update_rows(ShownKey, ["key"], [(row.pk, ("l" * 221,))])
    assert ShownKey.objects.get().key == "k" * 220
