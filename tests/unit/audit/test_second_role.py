"""The second database role of docs/audit.md, with the very statements that stand there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection, transaction

from apps.audit.events import Event
from apps.audit.recording import record
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.core.actor import Actor
from tests.support.source import ROOT

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


def _documented() -> list[str]:
    block = (ROOT / "docs/audit.md").read_text().partition("```sql\n")[2].partition("```")[0]
    return [statement for line in block.split(";") if (statement := _without_comments(line))]


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()


@pytest.fixture
def as_portal_app(db: None) -> Iterator[None]:
    """Everything in the test's transaction, so that the role is gone with it."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL has roles")
    with connection.cursor() as cursor:
        for statement in _documented():
            cursor.execute(statement)
        cursor.execute("SET LOCAL ROLE portal_app")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def test_the_role_of_the_running_portal_writes_events(as_portal_app: None) -> None:
    for number in (1, 2):
        with transaction.atomic():
            assert record(Event(SUBMISSION_VIEWED, Actor.system("tests"))) == number


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE audit_event SET actor_name = 'Bob'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "DROP TRIGGER audit_event_no_update ON audit_event",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "DROP TABLE audit_event",
        "ALTER TABLE audit_event RENAME TO another",
    ],
)
def test_it_can_change_nothing_that_is_written_and_no_trigger(as_portal_app: None, act: str) -> None:
    with transaction.atomic():
        record(Event(SUBMISSION_VIEWED, Actor.system("tests")))
    refused = pytest.raises(ProgrammingError, match=r"permission denied|must be owner")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act)
