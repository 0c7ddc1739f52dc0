"""Old unknown outcomes, and sends that nobody finishes, are problems."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.consumers.models import Outcome
from consumerportal.status import Level
from tests.support.entries import clean, resolved_by, store
from tests.support.status_lines import ago, line

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_unknown_outcomes_are_counted_and_an_old_one_is_a_problem(staff: User) -> None:
    assert line("unknowns").level is Level.OK
    store(staff, Outcome.UNKNOWN)
    assert line("unknowns").level is Level.WARNING
    oldest = store(staff, Outcome.UNKNOWN, clean(), submitted_at=ago(days=2))
    found = line("unknowns")
    assert (found.level, found.moment) == (Level.CRITICAL, oldest.submitted_at)
    assert "2 open" in found.text


def test_resolution_that_something_contradicts_counts_as_unknown(staff: User, supervisor: User) -> None:
    store(staff, Outcome.NOT_CREATED, **resolved_by(supervisor))
    assert line("unknowns").level is Level.OK
    store(staff, Outcome.NOT_CREATED, clean(), **resolved_by(supervisor), contradicted=True)
    assert "1 open" in line("unknowns").text


def test_send_that_outlasts_the_workers_turn_is_a_problem(staff: User) -> None:
    store(staff, Outcome.SENDING, deadline=ago(seconds=1))
    assert line("stuck").level is Level.OK
    oldest = store(staff, Outcome.SENDING, clean(), deadline=ago(hours=1), submitted_at=ago(hours=1))
    found = line("stuck")
    assert (found.level, found.moment) == (Level.CRITICAL, oldest.submitted_at)
