"""The oldest events go, and what stays verifies; nothing goes that a signature has not given up."""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from apps.audit.audit_events import AUDIT_RETENTION_APPLIED
from apps.audit.events import Event
from apps.audit.integrity import checkpoints, retention
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.proof.bundle import bundle
from apps.audit.integrity.proof.verify_audit_log import Archive, check
from apps.audit.integrity.retention import Removal, RetentionError
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.triggers import install_triggers, missing_triggers
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.core import clock
from apps.core.actor import Actor
from tests.support.audit_flush import lift_triggers
from tests.support.people import events
from tests.support.source import APPS, ROOT, modules, relative

pytestmark = pytest.mark.django_db(transaction=True)

SIGNER = Actor.system("tests")
C1, C2 = 5, 11  # what the two checkpoints vouch for; each is followed by the event of its signature


def write(number: int) -> None:
    for turn in range(number):
        with transaction.atomic():
            record(Event(SUBMISSION_VIEWED, Actor(id="17", name="Anna"), order_ref=f"ord-{turn}"))


@pytest.fixture
def log() -> None:
    """Fourteen rows: five, a signature, five, a signature, two more."""
    write(5)
    sign_checkpoint(SIGNER)
    write(5)
    sign_checkpoint(SIGNER)
    write(2)
    path: Path = settings.AUDIT_CHECKPOINT_FILE
    assert [found.seq for _, found in checkpoints.read(path)] == [C1, C2]


def retain(*options: str) -> str:
    out = io.StringIO()
    call_command("audit_retain", *options, stdout=out)
    return out.getvalue()


def sequences() -> list[int]:
    return list(AuditEvent.objects.order_by("seq").values_list("seq", flat=True))


def refuses_to_delete() -> bool:
    with (
        pytest.raises(IntegrityError, match="audit log"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM audit_event WHERE seq = (SELECT min(seq) FROM audit_event)")
    return missing_triggers(connection) == []


# --- What goes ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("up_to", "last"), [(C1, C1), (C1 + 1, C1), (C2 - 1, C1), (C2, C2), (C2 + 1, C2), (900, C2)]
)
def test_what_goes_ends_at_a_signed_checkpoint_and_the_rest_verifies(
    log: None, up_to: int, last: int
) -> None:
    cut = AuditEvent.objects.get(seq=last)
    retain("--up-to", str(up_to))
    assert sequences()[0] == last + 1
    assert verify().verdict is Verdict.UNCHANGED
    assert verify(from_checkpoint=True).verdict is Verdict.UNCHANGED
    proof = Path(settings.AUDIT_CHECKPOINT_FILE).with_name("proof.zip")
    proof.write_bytes(b"".join(bundle()))
    assert check(Archive(proof)) == ("unchanged", None)  # whoever has the one-file verifier and nothing else
    facts = {"first": 1, "last": last, "rows": last, "hash": cut.hash}
    assert [event.details for event in events("audit.retention_decided")] == [facts]
    assert [event.details for event in events("audit.retention_applied")] == [facts]
    assert refuses_to_delete()


def test_it_goes_on_where_it_ended(log: None) -> None:
    retain("--up-to", str(C1))
    write(3)
    sign_checkpoint(SIGNER)
    retain("--up-to", str(C2))
    assert sequences()[0] == C2 + 1
    assert [event.details["first"] for event in events("audit.retention_applied")] == [1, C1 + 1]
    write(2)
    sign_checkpoint(SIGNER)
    assert verify().verdict is Verdict.UNCHANGED


@pytest.mark.parametrize("options", [("--up-to", "4"), ("--up-to", "0"), ("--older-than", "1")])
def test_without_a_checkpoint_that_is_old_enough_nothing_goes(log: None, options: tuple[str, ...]) -> None:
    before = sequences()
    assert "Nothing to remove" in retain(*options)
    assert sequences() == before


def test_days_are_counted_back_from_now(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    later = AuditEvent.objects.get(seq=C2 - 1).time + 30 * 24 * 60 * 60 * 1_000_000
    monkeypatch.setattr(clock, "microseconds", lambda: later)
    assert retention.sequence_before(31) == 0
    assert retention.sequence_before(30) == C2 - 1


def test_a_dry_run_says_what_would_go_and_changes_nothing(log: None) -> None:
    before, file = sequences(), settings.AUDIT_CHECKPOINT_FILE.read_bytes()
    assert re.fullmatch(
        r"Would remove 5 events, 1 \(\S+\) to 5 \(\S+\)\.\n", retain("--up-to", "7", "--dry-run")
    )
    assert (sequences(), settings.AUDIT_CHECKPOINT_FILE.read_bytes()) == (before, file)


# --- What is refused ------------------------------------------------------------------------------
def test_a_log_that_is_not_what_was_written_stays_as_evidence(log: None) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET actor_name = 'Nobody' WHERE seq = 3")
    before = sequences()
    with pytest.raises(CommandError, match="changed, event 3"):
        retain("--up-to", "900")
    assert sequences() == before


def test_rows_that_a_thief_removed_are_not_signed_away(log: None) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq <= 5")
    with pytest.raises(CommandError, match="missing, event 1"):
        retain("--up-to", "900")
    assert verify().verdict is Verdict.MISSING


@pytest.mark.postgresql
def test_another_role_than_the_owner_is_refused_before_anything_is_signed(log: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL has roles")
    file = settings.AUDIT_CHECKPOINT_FILE.read_bytes()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE ROLE writes_only")
        cursor.execute("GRANT SELECT, INSERT ON audit_event, audit_head TO writes_only")
        cursor.execute("SET LOCAL ROLE writes_only")
        with pytest.raises(RetentionError, match="owns the table"):
            retention.plan(900)
        cursor.execute("RESET ROLE")
        cursor.execute("DROP OWNED BY writes_only")
        cursor.execute("DROP ROLE writes_only")
    assert settings.AUDIT_CHECKPOINT_FILE.read_bytes() == file


# --- Interrupted ----------------------------------------------------------------------------------
def test_what_fails_before_the_commit_leaves_every_row_and_trigger_and_is_finished_by_the_next_run(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sequences()

    def full(_event: Event) -> int:
        if _event.type is AUDIT_RETENTION_APPLIED:
            raise OperationalError("full")
        return record(_event)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "record", full)
        with pytest.raises(CommandError, match="database"):
            retain("--up-to", str(C1))
    assert sequences()[: len(before)] == before
    assert refuses_to_delete()
    assert verify().verdict is Verdict.INSERTED  # signed away, but still there
    assert "Removed 5 events" in retain("--up-to", "1")
    assert sequences()[0] == C1 + 1
    assert verify().verdict is Verdict.UNCHANGED
    assert len(events("audit.retention_decided")) == 1


def _die_in_the_middle(name: str) -> None:
    """In a process of its own: the trigger is off, the rows are deleted, and the process is gone."""
    connection.settings_dict["NAME"] = name

    def die(*_: Any) -> None:
        os._exit(9)

    pytest.MonkeyPatch().setattr(retention, "install_triggers", die)
    retention.apply(retention.plan(C1) or Removal(0, 0, ""), SIGNER)


def test_a_process_that_is_killed_while_the_trigger_is_off_leaves_it_standing(log: None) -> None:
    before = sequences()
    name = str(connection.settings_dict["NAME"])
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
    child = multiprocessing.get_context("fork").Process(target=_die_in_the_middle, args=(name,))
    child.start()
    child.join(30)
    assert child.exitcode == 9
    assert sequences()[: len(before)] == before
    assert refuses_to_delete()


def test_nobody_else_sees_the_table_without_its_trigger(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def other() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "PRAGMA busy_timeout = 100" if connection.vendor == "sqlite" else "SET lock_timeout = 100"
                )
                seen.append(missing_triggers(connection))
                cursor.execute("DELETE FROM audit_event WHERE seq = 9")
        except DatabaseError as error:
            seen.append(type(error))
        finally:
            connection.close()

    def meanwhile(given: Any) -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(20)
        install_triggers(given)

    monkeypatch.setattr(retention, "install_triggers", meanwhile)
    retain("--up-to", str(C1))
    standing, error = seen
    assert standing == []
    assert error in (OperationalError, IntegrityError)
    assert 9 in sequences()


# --- Nobody else does it --------------------------------------------------------------------------
LIFTING = re.compile(
    r"(DROP|DISABLE) TRIGGER|session_replication_role|(DELETE FROM|TRUNCATE|UPDATE) audit_event",
    re.IGNORECASE,
)


def test_no_other_module_takes_triggers_off_or_deletes_events() -> None:
    found = {
        relative(path): LIFTING.findall(path.read_text())
        for path in [*modules(APPS), *modules(ROOT / "consumerportal")]
        if LIFTING.search(path.read_text())
    }
    assert found.keys() <= {"apps/audit/integrity/retention.py", "apps/audit/triggers.py"}
    assert "apps/audit/integrity/retention.py" in found
