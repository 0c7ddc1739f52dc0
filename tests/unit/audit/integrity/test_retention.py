"""The oldest events are removed and the rest verifies; nothing is removed without a signed release."""

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
from apps.consumers.models import UNBOUNDED, ShownKey, ShownRange
from apps.consumers.recording import index_keys, index_range
from apps.core import clock
from apps.core.actor import Actor
from tests.support.audit_flush import lift_triggers
from tests.support.people import events
from tests.support.source import APPS, ROOT, modules, relative

pytestmark = pytest.mark.django_db(transaction=True)

SIGNER = Actor.system("tests")
C1, C2 = 5, 11  # covered by the two checkpoints; each is followed by the event of its signature


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


# --- Removal --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("up_to", "last"), [(C1, C1), (C1 + 1, C1), (C2 - 1, C1), (C2, C2), (C2 + 1, C2), (900, C2)]
)
def test_removal_ends_at_a_signed_checkpoint_and_the_rest_verifies(log: None, up_to: int, last: int) -> None:
    cut = AuditEvent.objects.get(seq=last)
    retain("--up-to", str(up_to))
    assert sequences()[0] == last + 1
    assert verify().verdict is Verdict.UNCHANGED
    assert verify(from_checkpoint=True).verdict is Verdict.UNCHANGED
    proof = Path(settings.AUDIT_CHECKPOINT_FILE).with_name("proof.zip")
    proof.write_bytes(b"".join(bundle()))
    assert check(Archive(proof)) == ("unchanged", None)  # a reader with only the one-file verifier
    facts = {"first": 1, "last": last, "rows": last, "hash": cut.hash}
    assert [event.details for event in events("audit.retention_decided")] == [facts]
    assert [event.details for event in events("audit.retention_applied")] == [facts]
    assert refuses_to_delete()


def test_removal_continues_where_it_ended(log: None) -> None:
    retain("--up-to", str(C1))
    write(3)
    sign_checkpoint(SIGNER)
    retain("--up-to", str(C2))
    assert sequences()[0] == C2 + 1
    assert [event.details["first"] for event in events("audit.retention_applied")] == [1, C1 + 1]
    write(2)
    sign_checkpoint(SIGNER)
    assert verify().verdict is Verdict.UNCHANGED


def test_removal_deletes_what_the_index_has_about_the_removed_events(log: None) -> None:
    for seq in (1, C1, C1 + 1):
        with transaction.atomic():
            index_keys(seq, [f"guest:{seq}"])
            index_range(seq, 1, UNBOUNDED)
    retention.apply(retention.plan(C1) or Removal(0, 0, ""), SIGNER)
    assert [*ShownKey.objects.values_list("seq", flat=True)] == [C1 + 1]
    assert [*ShownRange.objects.values_list("seq", flat=True)] == [C1 + 1]


@pytest.mark.parametrize("options", [("--up-to", "4"), ("--up-to", "0"), ("--older-than", "1")])
def test_without_an_old_checkpoint_nothing_is_removed(log: None, options: tuple[str, ...]) -> None:
    before = sequences()
    assert "Nothing to remove" in retain(*options)
    assert sequences() == before


def test_days_are_counted_back_from_now(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    later = AuditEvent.objects.get(seq=C2 - 1).time + 30 * 24 * 60 * 60 * 1_000_000
    monkeypatch.setattr(clock, "microseconds", lambda: later)
    assert retention.sequence_before(31) == 0
    assert retention.sequence_before(30) == C2 - 1


def test_dry_run_reports_the_removal_and_changes_nothing(log: None) -> None:
    before, file = sequences(), settings.AUDIT_CHECKPOINT_FILE.read_bytes()
    assert re.fullmatch(
        r"Would remove 5 events, 1 \(\S+\) to 5 \(\S+\)\.\n", retain("--up-to", "7", "--dry-run")
    )
    assert (sequences(), settings.AUDIT_CHECKPOINT_FILE.read_bytes()) == (before, file)


# --- Refusals -------------------------------------------------------------------------------------
def test_altered_log_is_not_removed(log: None) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET actor_name = 'Nobody' WHERE seq = 3")
    before = sequences()
    with pytest.raises(CommandError, match="changed, event 3"):
        retain("--up-to", "900")
    assert sequences() == before


def test_rows_removed_by_an_attacker_are_not_released(log: None) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq <= 5")
    with pytest.raises(CommandError, match="missing, event 1"):
        retain("--up-to", "900")
    assert verify().verdict is Verdict.MISSING


@pytest.mark.postgresql
def test_role_other_than_the_owner_is_refused_before_signing(log: None) -> None:
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
def test_failure_before_the_commit_changes_no_row_or_trigger_and_the_next_run_completes_it(
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
    assert verify().verdict is Verdict.INSERTED  # released by signature, but not removed yet
    assert "Removed 5 events" in retain("--up-to", "1")
    assert sequences()[0] == C1 + 1
    assert verify().verdict is Verdict.UNCHANGED
    assert len(events("audit.retention_decided")) == 1


def _die_in_the_middle(name: str) -> None:
    """Simulate a crash in a separate process: the trigger is off, the rows are deleted, the process ends."""
    connection.settings_dict["NAME"] = name

    def die(*_: Any) -> None:
        os._exit(9)

    pytest.MonkeyPatch().setattr(retention, "install_triggers", die)
    retention.apply(retention.plan(C1) or Removal(0, 0, ""), SIGNER)


def test_process_killed_while_the_trigger_is_off_leaves_it_in_place(log: None) -> None:
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


def test_other_transactions_never_see_the_table_without_its_trigger(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def other() -> None:
        try:
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("SET lock_timeout = 100")
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
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.1)  # seconds
    retain("--up-to", str(C1))
    standing, error = seen
    assert standing == []
    assert error in (OperationalError, IntegrityError)
    assert 9 in sequences()


# --- No other code removes events -----------------------------------------------------------------
LIFTING = re.compile(
    r"(DROP|DISABLE) TRIGGER|statements_on_sqlite|session_replication_role"
    r"|(DELETE FROM|TRUNCATE|UPDATE) audit_event",
    re.IGNORECASE,
)


def test_no_other_module_removes_triggers_or_deletes_events() -> None:
    found = {
        relative(path): LIFTING.findall(path.read_text())
        for path in [*modules(APPS), *modules(ROOT / "consumerportal")]
        if LIFTING.search(path.read_text())
    }
    totals = "apps/history/totals/triggers.py"  # replaces its own triggers, on another table
    assert "audit" not in (ROOT / totals).read_text()
    shared = "apps/core/triggers.py"  # statements for the two modules with triggers, of any table
    assert found.keys() <= {"apps/audit/integrity/retention.py", "apps/audit/triggers.py", totals, shared}
    assert "apps/audit/integrity/retention.py" in found
