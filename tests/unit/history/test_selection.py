"""Query plans that were wrong before."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from apps.consumers.models import Submission
from apps.consumers.viewer import UNRESTRICTED
from apps.history.selection import REFERENCES, Selection, SubmissionFilter
from tests.support.filled_database import fill

ROWS = 3_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite expects nothing of a reference")
def test_planner_treats_a_reference_as_rare() -> None:
    """If it expected many rows, it would read the list from its newest row until it has a page."""
    fill(connection, ROWS)
    for name in REFERENCES:
        known = Submission.objects.exclude(**{name: ""}).earliest("pk")
        asked = SubmissionFilter(**{name: getattr(known, name)})
        rows = Selection(asked, UNRESTRICTED).submissions().order_by()
        assert rows.count() >= 1
        [plan] = json.loads(rows.explain(format="JSON"))
        assert plan["Plan"]["Plan Rows"] <= 5, name
