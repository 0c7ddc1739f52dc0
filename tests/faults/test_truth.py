"""A property: reconciliation never reports another person's consumer as created if it can be detected.

The model that knows the truth is in ``tests/faults/truth``; `python -m tests.faults.truth` runs thousands of
cases and reports how often an outcome stays unknown, and why.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import HealthCheck, event, example, given
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation import checks
from apps.core.actor import Actor
from tests.faults.truth.cases import cases
from tests.faults.truth.world import CHECKS, NEVER, OURS, Case, World, Writer
from tests.support.submitting import submit_anyway

# The database only stores the submission; the model of the vendor is what differs.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

EXAMPLES = 60
LONG_AGO = -150_000_000.0


@pytest.fixture
def world(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    settings.CDP_RECONCILIATION = True
    settings.CDP_TOTAL_TIMEOUT = 30.0
    monkeypatch.setattr(checks, "MIN_CHECK_INTERVAL", datetime.timedelta(0))
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")  # thousands of commits that need no durability
    world = World(tmp_path)
    yield world
    world.close()


def reconciled(world: World, case: Case, staff: User) -> Submission:
    """The lost create of a case after all its checks."""
    order = str(uuid.uuid4())
    world.begin(case, order)
    submission = submit_anyway(order, OURS, staff, world.client)  # a twin may be on the order
    assert submission.outcome == Outcome.UNKNOWN
    for seconds in CHECKS:
        world.pass_to(seconds)
        if submission.outcome == Outcome.UNKNOWN:
            submission = checks.check_now(submission, actor=Actor.system("worker"), client=world.client)
    return submission


@hypothesis_settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
# An older twin that no list contained before the send, with and without the time of its creation.
@example(case=Case(done=False, dated=True, writers=(Writer(LONG_AGO, 1.5),)))
@example(case=Case(done=True, dated=True, lag=6.0, writers=(Writer(LONG_AGO, 1.5),)))
@example(case=Case(done=False, dated=True, skew=3600.0, writers=(Writer(-300.0, 1.5),)))
@example(case=Case(done=False, dated=True, skew=-3600.0, writers=(Writer(-300.0, 1.5),)))
# Twins that the pages hid, and one that a cache hid.
@example(case=Case(done=False, page_size=2, paging="shuffled", writers=(Writer(-30.0, -30.0),) * 5))
@example(case=Case(done=False, page_size=1, paging="gap", writers=(Writer(-30.0, -30.0),) * 2))
@example(case=Case(done=False, cache="stubborn", is_cache_warm=True, writers=(Writer(-30.0, -30.0),)))
# A new reference for which an older twin is returned.
@example(
    case=Case(
        done=False,
        retrieved="oldest",
        writers=(Writer(-30.0, -30.0), Writer(1.0, 1.0, is_twin=False)),
    )
)
def test_created_is_never_reported_for_a_detectably_foreign_consumer(
    staff: User, world: World, case: Case
) -> None:
    submission = reconciled(world, case, staff)

    event(f"outcome {submission.outcome} {submission.check_result}")
    if submission.outcome == Outcome.CREATED:
        is_ours = submission.consumer_ref == world.own_ref
        event("true" if is_ours else "not ours, and not detectable")
        assert is_ours or not world.is_decidable()
    else:
        assert submission.outcome == Outcome.UNKNOWN, "No check proves absence"


@pytest.mark.parametrize("dated", [False, True])
def test_consumer_is_found_if_nothing_interferes(staff: User, world: World, dated: bool) -> None:
    case = Case(
        dated=dated,
        lag=6.0,
        page_size=2,
        skew=-3600.0,
        cache="obeying",
        is_cache_warm=True,
        writers=(Writer(LONG_AGO, LONG_AGO), Writer(-30.0, -30.0), Writer(1.0, 1.0, is_twin=False)),
    )
    submission = reconciled(world, case, staff)
    assert (submission.outcome, submission.consumer_ref) == (Outcome.CREATED, world.own_ref)


def test_only_an_equal_consumer_of_another_system_in_the_same_seconds_is_undecidable(
    staff: User, world: World
) -> None:
    """Documented in the decisions: no field of the API distinguishes the two."""
    submission = reconciled(world, Case(done=False, writers=(Writer(1.0, 1.0),)), staff)
    assert (submission.outcome, world.own_ref, world.is_decidable()) == (Outcome.CREATED, "", False)


def test_consumer_with_a_twin_is_not_taken(staff: User, world: World) -> None:
    submission = reconciled(world, Case(writers=(Writer(1.0, 1.0), Writer(-30.0, NEVER))), staff)
    assert (submission.outcome, submission.check_result) == (Outcome.UNKNOWN, "several")
