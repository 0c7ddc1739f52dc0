"""Query plans that were wrong before."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.consumers import selectors
from apps.consumers.models import Outcome, Submission
from apps.consumers.viewer import UNRESTRICTED
from apps.core import clock
from apps.history.selection import REFERENCES, Period, Selection, Sort, SubmissionFilter
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


def _plans(selection: Selection) -> list[str]:
    """The plans of the statements that find the keys of the first page."""
    with CaptureQueriesContext(connection) as captured:
        selection.page(size=50, position=None)
    how = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    plans = []
    for query in captured.captured_queries:
        if "encrypted_consumer" in query["sql"]:  # fetches the rows by their keys
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"{how} {query['sql']}".replace("%", "%%"))
            plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
    return plans


@pytest.mark.django_db(transaction=True)
def test_every_order_comes_from_an_index_without_a_sort() -> None:
    fill(connection, ROWS)
    year = clock.now() - dt.timedelta(days=365)
    for sort in Sort:
        index = "submission_by_duration" if "duration_key" in sort.by else "submission_newest_first"
        for asked in (SubmissionFilter(), SubmissionFilter(since=year)):
            [plan] = _plans(Selection(asked, UNRESTRICTED, sort))
            assert index in plan, (sort, plan)
            assert "Sort" not in plan, plan
            assert "TEMP B-TREE" not in plan, plan
    both = SubmissionFilter(outcomes=(Outcome.UNKNOWN, Outcome.NOT_CREATED))
    plans = _plans(Selection(both, UNRESTRICTED))
    assert len(plans) == 3  # a list for each, and one of the resolutions that something contradicts
    indexes = re.compile("submission_by_outcome|submission_contradicted")
    assert all(indexes.search(plan) for plan in plans), plans
    assert not any("Sort" in plan or "TEMP B-TREE" in plan for plan in plans), plans


@pytest.mark.django_db(transaction=True)
def test_unknown_outcomes_and_contradicted_absences_are_found_by_one_index_each() -> None:
    fill(connection, ROWS)
    unknown = selectors.unknown_submissions(UNRESTRICTED)
    asked = Selection(SubmissionFilter(outcomes=(Outcome.UNKNOWN,)), UNRESTRICTED)
    for rows in (unknown, unknown.order_by(), asked.submissions(), asked.submissions().order_by()):
        plan = rows.values("pk").explain()
        assert "BitmapOr" in plan or "MULTI-INDEX OR" in plan, plan


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL knows how soon a page is full")
def test_filtered_rows_by_duration_come_from_an_index_without_a_sort() -> None:
    fill(connection, ROWS)
    person = str(Submission.objects.latest("pk").actor_id)
    for sort in (Sort.SLOWEST, Sort.FASTEST):
        for asked in (
            SubmissionFilter(person=person),
            SubmissionFilter(reason="busy"),
            SubmissionFilter(outcomes=(Outcome.REJECTED,)),
            SubmissionFilter(outcomes=(Outcome.REJECTED, Outcome.NOT_SENT)),
        ):
            plans = _plans(Selection(asked, UNRESTRICTED, sort))
            assert len(plans) == max(len(asked.outcomes), 1)
            for plan in plans:
                assert "_duration" in plan, (sort, plan)
                assert "TEMP B-TREE" not in plan, (sort, plan)


@pytest.mark.django_db(transaction=True)
def test_list_of_people_comes_from_its_index_without_a_sort() -> None:
    """Also with a period and an outcome: a list has few rows, and the table many."""
    fill(connection, ROWS)
    known = [uuid.UUID(int=number) for number in range(1, 21)]
    for number, pk in enumerate(Submission.objects.values_list("pk", flat=True)[:600]):
        Submission.objects.filter(pk=pk).update(batch=known[number % 20], batch_row=number + 1)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Submission._meta.db_table}")
    year = clock.now() - dt.timedelta(days=3650)
    for sort in (Sort.NEWEST, Sort.OLDEST):
        for asked in (
            SubmissionFilter(batch=known[7]),
            SubmissionFilter(batch=known[7], since=year),
            SubmissionFilter(batch=known[7], outcomes=(Outcome.CREATED, Outcome.REJECTED)),
        ):
            selection = Selection(asked, UNRESTRICTED, sort)
            [plan] = _plans(selection)
            assert "submission_of_batch" in plan, (sort, plan)
            assert "TEMP B-TREE" not in plan, plan
            assert selection.submissions().count() <= 30


@pytest.mark.parametrize(
    ("today", "period", "days"),
    [
        ("2026-11-28", Period.TODAY, ("2026-11-28", None)),
        ("2026-11-28", Period.THIS_WEEK, ("2026-11-23", None)),
        ("2026-11-23", Period.THIS_WEEK, ("2026-11-23", None)),
        ("2026-11-29", Period.LAST_WEEK, ("2026-11-16", "2026-11-23")),
        ("2026-01-01", Period.LAST_WEEK, ("2025-12-22", "2025-12-29")),
        ("2026-03-31", Period.THIS_MONTH, ("2026-03-01", None)),
        ("2026-01-31", Period.LAST_MONTH, ("2025-12-01", "2026-01-01")),
        ("2024-03-31", Period.LAST_MONTH, ("2024-02-01", "2024-03-01")),
        ("2026-11-28", Period.LAST_DAYS, ("2026-10-30", None)),
        ("2026-11-28", Period.ALL, (None, None)),
    ],
)
def test_periods_are_whole_days_weeks_and_months(
    today: str, period: Period, days: tuple[str | None, str | None]
) -> None:
    first, end = period.days(dt.date.fromisoformat(today))
    assert (first and first.isoformat(), end and end.isoformat()) == days
