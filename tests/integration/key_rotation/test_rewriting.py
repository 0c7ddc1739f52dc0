"""The worker writes rows again with the key in use, in batches that a kill does not lose."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending.digests import content_digest, content_digests_of, search_digests
from apps.core import clock, heartbeats
from apps.core.encryption import DIGEST, ENCRYPTION
from apps.core.models import KeyInUse, KeyRewriting
from consumerportal import key_rewriting
from consumerportal.keys import use_key
from consumerportal.management.commands.worker import Worker
from sandbox.data.seed import SAMPLE_ORDER
from tests.support import personal_rows
from tests.support.entries import FULL, store
from tests.support.key_rotation import (
    ACTOR,
    NEW_KEYS,
    begun_on_submissions,
    rewrite_all,
    stored_values,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_rows_are_written_again_once_and_events_say_so(
    staff: User, settings: Settings, rotated: tuple[str, str]
) -> None:
    former, following = rotated
    rows = [store(staff, Outcome.REJECTED, vendor_message="Not so", note="Called") for _ in range(3)]
    erased = store(staff, Outcome.REJECTED)
    personal_rows.erase(erased)
    before = {row.pk: personal_rows.describe(row) for row in rows}
    use_key(following, ACTOR)
    assert key_rewriting.remaining(following.partition(":")[0]) >= 4
    assert rewrite_all() >= 4
    assert rewrite_all() == 0
    name = "ENCRYPTION_KEYS" if former.startswith(ENCRYPTION) else "DIGEST_KEYS"
    setattr(settings, name, [NEW_KEYS[name]])
    for row in Submission.objects.filter(pk__in=before):
        assert personal_rows.describe(row) == before[row.pk]
        assert bytes(row.content_digest) in content_digests_of(row)
        assert {*row.digests.values_list("kind", "digest")} == search_digests(FULL) or name != "DIGEST_KEYS"
    assert not erased.digests.exists()
    recorded = list(AuditEvent.objects.filter(action__startswith="keys.").order_by("seq"))
    assert [event.action for event in recorded[-2:]] == ["keys.put_to_use", "keys.rewritten"]
    assert recorded[-2].details == {"keys": [following], "former": [former]}
    assert recorded[-1].details == {"keys": [following], "rows": 4, "unreadable": 0}


def test_killed_worker_loses_one_batch_and_another_goes_on(
    staff: User, rotated: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = rotated
    for _ in range(5):
        store(staff, Outcome.REJECTED)
    monkeypatch.setattr(key_rewriting, "ROWS_AT_ONCE", 2)
    use_key(following, ACTOR)
    one = begun_on_submissions(following)
    assert key_rewriting._rewrite_next_rows(one, ACTOR) == 2
    one.refresh_from_db()
    in_between = stored_values()

    class Killed(BaseException):
        pass

    def write_and_die(*given: Any) -> Any:
        rewritten = make(*given)
        write = rewritten.write

        def die() -> bool:
            write()
            raise Killed

        rewritten.write = die
        return rewritten

    make = key_rewriting._rewritten_rows
    monkeypatch.setattr(key_rewriting, "_rewritten_rows", write_and_die)
    with pytest.raises(Killed):
        key_rewriting._rewrite_next_rows(one, ACTOR)
    assert stored_values() == in_between
    monkeypatch.setattr(key_rewriting, "_rewritten_rows", make)
    assert key_rewriting._rewrite_next_rows(one, ACTOR) == 2
    assert key_rewriting._rewrite_next_rows(one, ACTOR) == 0  # another worker has written these rows already
    rewrite_all()
    one.refresh_from_db()
    assert (one.done, one.rows, one.unreadable) == (5, 5, 0)
    assert one.finished_at is not None
    assert AuditEvent.objects.filter(action="keys.rewritten").count() == 1


def test_row_that_is_deleted_between_two_batches_does_not_remain(
    staff: User, rotated: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = rotated
    rows = [store(staff, Outcome.REJECTED) for _ in range(3)]
    monkeypatch.setattr(key_rewriting, "ROWS_AT_ONCE", 2)
    use_key(following, ACTOR)
    one = begun_on_submissions(following)
    assert key_rewriting._rewrite_next_rows(one, ACTOR) == 2
    rows[-1].delete()
    rewrite_all()
    one.refresh_from_db()
    assert (one.done, one.rows) == (2, 3)
    assert key_rewriting.remaining(one.kind) == 0


@pytest.mark.parametrize("erased", [True, False])
def test_row_that_changes_during_a_batch_is_written_by_the_next_one(
    staff: User, rotated: tuple[str, str], monkeypatch: pytest.MonkeyPatch, erased: bool
) -> None:
    former, following = rotated
    kind = former.partition(":")[0]
    rows = [store(staff, Outcome.REJECTED, note="Called") for _ in range(2)]
    under_the_former_key = bytes(rows[0].encrypted_resolution_note)
    Submission.objects.filter(pk=rows[0].pk).update(encrypted_resolution_note=b"")
    use_key(following, ACTOR)
    make = key_rewriting._rewritten_rows
    changed: list[Submission] = []

    def change_after_reading(*given: Any) -> Any:
        rewritten = make(*given)
        if not changed and given[1] is Submission:
            changed.append(rows[0])
            if erased:
                personal_rows.erase(rows[0])
            else:
                Submission.objects.filter(pk=rows[0].pk).update(
                    encrypted_resolution_note=under_the_former_key
                )
        return rewritten

    monkeypatch.setattr(key_rewriting, "_rewritten_rows", change_after_reading)
    rewrite_all()
    assert changed
    key = KeyInUse.objects.get(kind=kind).fingerprint
    for row in Submission.objects.exclude(content_digest=b""):
        if kind == DIGEST:
            assert bytes(row.content_digest) == content_digest(SAMPLE_ORDER, FULL, key=key)
            assert {*row.digests.values_list("kind", "digest")} == search_digests(FULL, key=key)
        assert row.resolution_note == "Called"
    found = Submission.objects.get(pk=rows[0].pk)
    assert found.is_erased == erased
    assert found.digests.exists() != erased
    if kind == ENCRYPTION:
        assert former not in key_rewriting.encrypted_values()
    assert KeyRewriting.objects.get(model=Submission._meta.label).done == 2


def test_another_key_put_to_use_meanwhile_supersedes_the_rewriting(
    staff: User, rotated: tuple[str, str]
) -> None:
    former, following = rotated
    store(staff, Outcome.REJECTED)
    use_key(following, ACTOR)
    one = begun_on_submissions(following)
    use_key(former, ACTOR)
    before = stored_values()
    assert key_rewriting._rewrite_next_rows(one, ACTOR) == 0
    assert stored_values() == before
    rewrite_all()
    assert {*KeyRewriting.objects.values_list("fingerprint", flat=True)} == {
        KeyInUse.objects.get(kind=former.partition(":")[0]).fingerprint
    }


def test_rewriting_begins_when_every_process_has_noticed(staff: User, rotated: tuple[str, str]) -> None:
    store(staff, Outcome.REJECTED)
    use_key(rotated[1], ACTOR)
    assert key_rewriting.rewrite_due(ACTOR, after=dt.timedelta(minutes=1), stop=threading.Event()) == 0
    assert not KeyRewriting.objects.exclude(started_at=None).exists()


def test_worker_writes_rows_again_and_its_heartbeat_names_its_keys(
    staff: User, rotated: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(staff, Outcome.REJECTED)
    use_key(rotated[1], ACTOR)
    worker = Worker(threading.Event())
    worker.record_heartbeat_if_due()
    [beat] = heartbeats.current(heartbeats.WORKER)
    assert {*rotated} <= {*beat.keys}
    worker.duties["rewrite_rows"]()  # too early
    assert not KeyRewriting.objects.exclude(started_at=None).exists()
    KeyInUse.objects.update(since=clock.now() - dt.timedelta(minutes=2))
    worker.duties["rewrite_rows"]()
    assert not KeyRewriting.objects.filter(finished_at=None).exists()
