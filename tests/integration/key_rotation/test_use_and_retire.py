"""A key is put to use and retired only when nothing is lost by it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import DigestKind, Outcome, RecordedSearch, Submission
from apps.consumers.sending.digests import content_digest
from apps.consumers.sending.submit import IdenticalOpen
from apps.core import heartbeats, key_fingerprints, keys_in_use
from apps.core.encryption import DIGEST, ENCRYPTION
from apps.core.models import Heartbeat, KeyFingerprint, KeyInUse, KeyRewriting
from consumerportal import keys, status, web_heartbeats
from consumerportal.keys import (
    NotPossibleError,
    accept_keys,
    register_keys,
    retire_key,
    use_key,
)
from sandbox.data.seed import SAMPLE_ORDER
from tests.support import personal_rows
from tests.support.entries import FULL, store
from tests.support.key_rotation import (
    ACTOR,
    NEW_KEYS,
    fail,
    found_by,
    rewrite_all,
    stored_values,
    submit,
    with_next_key,
)
from tests.support.searches import recorded
from tests.support.unique_entries import consumer as another

pytestmark = pytest.mark.django_db(transaction=True)


# --- Putting a key to use ----------------------------------------------------------------------------
def test_key_that_is_not_registered_or_lacks_somewhere_is_not_put_to_use(settings: Settings) -> None:
    settings.DIGEST_KEYS = [*settings.DIGEST_KEYS, NEW_KEYS["DIGEST_KEYS"]]
    following = key_fingerprints.label_of(DIGEST, key_fingerprints.DIGEST.fingerprints()[1])
    for label, reason in (
        (following, "not registered"),
        ("digest:0123", "no such key"),
        ("digest", "no such"),
    ):
        with pytest.raises(NotPossibleError, match=reason):
            use_key(label, ACTOR)
    register_keys(ACTOR)
    at = dt.datetime.now(dt.UTC)
    Heartbeat.objects.create(process="web:stopped:1", seen_at=at - dt.timedelta(minutes=4))
    web_heartbeats.record()
    other = Heartbeat.objects.create(process="web:left-behind:1", seen_at=at)  # on a machine with others
    with pytest.raises(NotPossibleError, match=r"the key yet: web:left-behind:1$"):
        use_key(following, ACTOR)
    other.delete()
    heartbeats.record_heartbeat(heartbeats.WORKER, keys=["digest:another"])
    with pytest.raises(NotPossibleError, match="worker:"):
        use_key(following, ACTOR)
    heartbeats.record_heartbeat(heartbeats.WORKER, keys=key_fingerprints.own_labels())
    use_key(following, ACTOR)


def test_key_is_not_retired_while_a_process_lacks_the_key_in_use(
    staff: User, rotated: tuple[str, str]
) -> None:
    former, following = rotated
    use_key(following, ACTOR)
    rewrite_all()
    at = dt.datetime.now(dt.UTC)
    other = Heartbeat.objects.create(process="web:left-behind:1", seen_at=at, keys=[former])
    with pytest.raises(NotPossibleError, match="left-behind"):
        retire_key(former, ACTOR)
    other.delete()
    retire_key(former, ACTOR)


def test_commands_record_no_heartbeat(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rotate_keys")
    assert not Heartbeat.objects.exists()


def test_web_process_records_its_keys_as_long_as_it_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    alive = iter([True, True, False])
    monkeypatch.setattr(web_heartbeats, "INTERVAL", 0)
    web_heartbeats._record_while(lambda: next(alive))
    [beat] = heartbeats.current(heartbeats.WEB)
    assert beat.keys == key_fingerprints.own_labels()
    with connection.execute_wrapper(fail):
        web_heartbeats.record()  # raises nothing


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no server that closes it")
def test_heartbeat_of_a_web_process_follows_one_whose_connection_was_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lose_the_connection(*given: Any, **facts: Any) -> None:
        """The server closes it before the last statement, which is in no transaction."""
        record(*given, **facts)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    record = heartbeats.record_heartbeat
    monkeypatch.setattr(heartbeats, "record_heartbeat", lose_the_connection)
    web_heartbeats.record()
    assert "web_heartbeat_not_stored" in caplog.text
    monkeypatch.undo()
    Heartbeat.objects.all().delete()
    web_heartbeats.record()
    assert len(heartbeats.current(heartbeats.WEB)) == 1


def test_beginning_of_a_label_is_enough_and_the_whole_label_is_recorded(
    rotated: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    former, following = rotated
    web_heartbeats.record()
    call_command("rotate_keys", "--use", following[:-8])
    assert AuditEvent.objects.latest("seq").details["keys"] == [following]
    assert f"In use: {following}. A worker writes the rows again" in capsys.readouterr().out
    rewrite_all()
    call_command("rotate_keys", "--retire", former[:-8])
    assert AuditEvent.objects.latest("seq").details["keys"] == [former]
    assert f"Retired: {former}." in capsys.readouterr().out


def test_mac_key_is_put_to_use_without_rows_to_write_again(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_MAC_KEYS = [NEW_KEYS["AUDIT_MAC_KEYS"], *settings.AUDIT_MAC_KEYS]
    register_keys(ACTOR)
    [macs] = [kind for kind in key_fingerprints.kinds() if kind.name == "audit_mac"]
    following = key_fingerprints.label_of(macs.name, macs.fingerprints()[0])
    call_command("rotate_keys", "--use", following)
    assert capsys.readouterr().out == f"In use: {following}.\n"


def test_dry_run_counts_and_changes_nothing(
    staff: User, rotated: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [store(staff, Outcome.REJECTED) for _ in range(3)]
    Submission.objects.filter(pk=rows[0].pk).update(encrypted_consumer=rows[1].encrypted_consumer)
    searches = [recorded(staff, last_name=name) for name in ("Zed", "Wye", "Exe")]
    RecordedSearch.objects.filter(pk=searches[0].pk).update(encrypted_values=searches[1].encrypted_values)
    personal_rows.erase(searches[2])
    before, events = stored_values(), AuditEvent.objects.count()
    call_command("rotate_keys", "--use", rotated[1], "--dry-run")
    shown = capsys.readouterr().out
    assert "consumers.Submission: 3 rows, 2 to write again, 1 cannot be read" in shown
    assert "consumers.RecordedSearch: 3 rows, 1 to write again, 1 cannot be read" in shown
    assert "Not possible yet" not in shown
    assert (stored_values(), AuditEvent.objects.count()) == (before, events)
    assert not KeyRewriting.objects.exists()


def test_dry_run_names_the_open_submissions_that_stop_the_change(
    staff: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    row, other = submit(staff, another()), submit(staff, another())
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=other.encrypted_consumer)
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    call_command("rotate_keys", "--use", following, "--dry-run")
    shown = capsys.readouterr().out
    assert f"Not possible yet. The open submission {row.public_id} cannot be read" in shown
    assert str(other.public_id) not in shown


def test_table_and_status_name_the_keys_and_what_is_left(
    staff: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    former, following = with_next_key(settings, "ENCRYPTION_KEYS")
    store(staff, Outcome.REJECTED)
    call_command("rotate_keys")
    shown = capsys.readouterr().out
    assert f"{former}  in use, 1 values" in shown
    assert f"{following}  registered, 0 values" in shown
    use_key(following, ACTOR)
    call_command("rotate_keys")
    shown = capsys.readouterr().out
    assert f"{former}  registered, 1 values" in shown
    assert "encryption: 1 rows are not written again with the key in use" in shown
    texts = {line.name: line.text for line in status.lines()}
    assert following in texts["keys"].partition("Also needed")[0]
    assert f"{former} (manage.py rotate_keys counts" in texts["keys"].partition("Also needed")[2]
    assert "not begun yet" in texts["key_rewriting"]
    rewrite_all()
    assert "key_rewriting" not in {line.name for line in status.lines()}


def test_table_counts_the_values_of_a_registered_key_that_this_machine_lacks(
    staff: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    store(staff, Outcome.REJECTED)
    former, _following = with_next_key(settings, "ENCRYPTION_KEYS")
    settings.ENCRYPTION_KEYS = [NEW_KEYS["ENCRYPTION_KEYS"]]
    call_command("rotate_keys")
    shown = capsys.readouterr().out
    assert f"{former}  in use, missing here, 1 values" in shown
    assert former[: len("encryption:") + 8] + "  " not in shown  # no second line


def test_lost_digest_key_is_replaced_and_repeats_are_recognised_again(
    staff: User, settings: Settings
) -> None:
    consumer = another()
    row = submit(staff, consumer)
    settings.DIGEST_KEYS = [NEW_KEYS["DIGEST_KEYS"]]
    register_keys(ACTOR, forget_missing=True)
    keys_in_use.refresh()
    with pytest.raises(IdenticalOpen):
        submit(staff, consumer)
    rewrite_all()
    assert found_by(DigestKind.LAST_NAME, consumer.last_name) == [row.pk]


# --- Retiring ----------------------------------------------------------------------------------------
def test_key_is_retired_only_when_nothing_needs_it(
    staff: User, settings: Settings, rotated: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    former, following = rotated
    store(staff, Outcome.REJECTED)

    def refuses(reason: str) -> None:
        for options in (["--dry-run"], []):
            with pytest.raises(CommandError, match=reason):
                call_command("rotate_keys", "--retire", former, *options)
        assert KeyFingerprint.objects.filter(kind=former.partition(":")[0]).count() == 2

    refuses("is in use")
    use_key(following, ACTOR)
    refuses("not all written again")
    rewrite_all()
    monkeypatch.setattr(keys, "REWRITE_AFTER", dt.timedelta(minutes=1))
    refuses("try again later")
    monkeypatch.setattr(keys, "REWRITE_AFTER", dt.timedelta())
    call_command("rotate_keys", "--retire", former)
    assert AuditEvent.objects.latest("seq").action == "keys.retired"
    with pytest.raises(CommandError, match="not registered"):
        call_command("rotate_keys", "--use", former)
    accept_keys(ACTOR)


def test_retired_key_that_settings_still_have_is_not_registered_again_unless_named(
    staff: User, settings: Settings, rotated: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    former, following = rotated
    kind = former.partition(":")[0]
    use_key(following, ACTOR)
    rewrite_all()
    retire_key(former, ACTOR)

    def registered() -> list[str]:
        found = key_fingerprints.registered_fingerprints()[kind]
        return sorted(key_fingerprints.label_of(kind, one) for one in found)

    call_command("rotate_keys", "--add")
    assert f"Retired, so not accepted again: {former}." in capsys.readouterr().out
    assert registered() == [following]
    call_command("rotate_keys", "--add", former)
    assert f"Accepted: {former}" in capsys.readouterr().out
    assert registered() == sorted(rotated)
    use_key(former, ACTOR)
    rewrite_all()
    retire_key(following, ACTOR)
    name = "ENCRYPTION_KEYS" if kind == ENCRYPTION else "DIGEST_KEYS"
    setattr(settings, name, [NEW_KEYS[name]])  # the key in use is lost, only the retired one is left
    register_keys(ACTOR, forget_missing=True)
    assert registered() == [following]
    assert key_fingerprints.label_of(kind, KeyInUse.objects.get(kind=kind).fingerprint) == following


def test_unreadable_row_stops_the_retirement_and_is_named_in_the_log(
    staff: User, rotated: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    former, following = rotated
    row, other = store(staff, Outcome.REJECTED), store(staff, Outcome.REJECTED)
    store(staff, Outcome.REJECTED)
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=other.encrypted_consumer)
    before = Submission.objects.get(pk=row.pk)
    use_key(following, ACTOR)
    rewrite_all()
    assert (
        f"row_not_rewritten {following.partition(':')[0]} consumers.Submission {row.public_id}" in caplog.text
    )
    found = Submission.objects.get(pk=row.pk)
    assert found.encrypted_consumer == before.encrypted_consumer
    assert found.content_digest == before.content_digest
    with pytest.raises(NotPossibleError, match="1 rows cannot be read"):
        retire_key(former, ACTOR)
    [line] = [line for line in status.lines() if line.name == "key_rewriting"]
    assert line.level is status.Level.WARNING
    assert f"Submission: 2 of 3 rows with {following}, 1 cannot be read" in line.text
    personal_rows.erase(found)
    use_key(following, ACTOR)  # begins again
    rewrite_all()
    retire_key(former, ACTOR)


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL stores bytes only")
@pytest.mark.parametrize("sql", ["'altered text'", "7", "99999999999999", "1.5"])
def test_value_that_is_no_bytes_stops_the_retirement_and_nothing_else(
    staff: User,
    rotated: tuple[str, str],
    sql: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    former, following = rotated
    row = store(staff, Outcome.REJECTED)
    for _ in range(2):
        store(staff, Outcome.REJECTED)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE consumers_submission SET encrypted_consumer = {sql} WHERE id = %s",
            [row.pk],
        )
    call_command("rotate_keys", "--use", following, "--dry-run")
    assert "consumers.Submission: 3 rows, 2 to write again, 1 cannot be read" in capsys.readouterr().out
    use_key(following, ACTOR)
    rewrite_all()
    assert not KeyRewriting.objects.filter(finished_at=None).exists()
    assert (
        f"row_not_rewritten {following.partition(':')[0]} consumers.Submission {row.public_id}" in caplog.text
    )
    with pytest.raises(CommandError, match="1 rows cannot be read"):
        call_command("rotate_keys", "--retire", former)
    call_command("rotate_keys")  # counts values by key
    personal_rows.erase(row)
    use_key(following, ACTOR)  # begins again
    rewrite_all()
    retire_key(former, ACTOR)


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL stores bytes only")
def test_digest_that_is_no_bytes_is_replaced_by_the_new_one(staff: User, settings: Settings) -> None:
    former, following = with_next_key(settings, "DIGEST_KEYS")
    store(staff, Outcome.REJECTED)
    use_key(following, ACTOR)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consumers_submission SET content_digest = 'altered text'")
    rewrite_all()
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    assert Submission.objects.get().content_digest == content_digest(SAMPLE_ORDER, FULL, key=key)
    retire_key(former, ACTOR)


def test_value_written_with_the_former_key_afterwards_stops_the_retirement(
    staff: User, settings: Settings
) -> None:
    former, following = with_next_key(settings, "ENCRYPTION_KEYS")
    use_key(following, ACTOR)
    rewrite_all()
    keys_in_use.forget()  # a process that has not noticed: its first key is the former one
    store(staff, Outcome.REJECTED)
    with pytest.raises(NotPossibleError, match="1 values are encrypted with it"):
        retire_key(former, ACTOR)
