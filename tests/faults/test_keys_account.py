"""What the storm compares after a rotation can fail: each kind of row that was left behind is found."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.integrity.verification import verify
from apps.consumers.models import Outcome, RecordedSearchDigest, Submission, SubmissionDigest
from apps.core import key_fingerprints
from apps.core.actor import Actor
from apps.core.encryption import DIGEST, ENCRYPTION
from consumerportal import key_rewriting
from consumerportal.keys import accept_keys, register_keys, use_key
from tests.faults.storm import keys_account
from tests.faults.storm.rotation import NewKeys, not_shown
from tests.support.entries import store
from tests.support.keys import new_encryption_key
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor.system("test")
Check = Callable[[], Iterator[str]]


def found() -> dict[Check, bool]:
    """Which of the comparisons find something."""
    checks = (
        keys_account.unreadable_values,
        keys_account.values_under_another_key,
        keys_account.wrong_digests,
    )
    return {check: bool([*check()]) for check in checks}


def test_storm_that_showed_nothing_is_a_problem() -> None:
    done = {
        "rotate_keys --use: kill -9": 1,
        "worker that writes rows again: kill -9": 2,
        "web worker: kill -9": 9,
    }
    pages = {"search: found": 3, "repeat: asked whether it is meant": 1, "search: no page": 4}
    assert not_shown(done, pages) == []
    for missing, what in (
        ("rotate_keys --use: kill -9", "no command was killed"),
        ("worker that writes rows again: kill -9", "no worker was killed while it wrote rows again"),
        ("search: found", "no search found its submission"),
        ("repeat: asked whether it is meant", "no repeat was stopped"),
    ):
        assert not_shown({**done, missing: 0}, {**pages, missing: 0}) == [what]
    ended = {"rotate_keys --use: ended before its kill": 5}
    assert "no command was killed" in not_shown(ended, pages)


def test_rows_that_a_rotation_left_behind_are_found(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rewriting, "ROUND_SECONDS", 60.0)  # one round, however busy the machine is
    accept_keys(ACTOR)
    row = store(staff, Outcome.REJECTED)
    recorded(staff, last_name="Zed")
    new = {
        "ENCRYPTION_KEYS": new_encryption_key(),
        "DIGEST_KEYS": "the next digest key of this test 0123456789",
    }
    for name, key in new.items():
        setattr(settings, name, [*getattr(settings, name), key])
    register_keys(ACTOR)
    assert not any(found().values())
    for kind in (key_fingerprints.ENCRYPTION, key_fingerprints.DIGEST):
        use_key(key_fingerprints.label_of(kind.name, kind.fingerprints()[1]), ACTOR)
    before = Submission.objects.values_list("encrypted_consumer", flat=True).get(pk=row.pk)
    assert found() == {
        keys_account.unreadable_values: False,
        keys_account.values_under_another_key: True,
        keys_account.wrong_digests: True,
    }
    key_rewriting.rewrite_due(ACTOR, after=dt.timedelta(), stop=threading.Event())
    for name, key in new.items():
        setattr(settings, name, [key])
    assert not any(found().values())
    for model in (SubmissionDigest, RecordedSearchDigest):
        digest = model._default_manager.first()
        assert digest is not None
        stored, digest.digest = digest.digest, b"of another key"
        digest.save()
        assert [*keys_account.wrong_digests()]
        digest.digest = stored
        digest.save()
    assert not any(found().values())
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=before)
    assert found()[keys_account.unreadable_values]
    assert found()[keys_account.values_under_another_key]


def test_other_keys_and_events_than_wanted_are_found(settings: Settings) -> None:
    accept_keys(ACTOR)
    labels = {
        kind.name: key_fingerprints.label_of(kind.name, kind.fingerprints()[0])
        for kind in key_fingerprints.kinds()
    }
    assert [*keys_account.wrong_keys(labels, [])] == []
    assert [*keys_account.wrong_keys({**labels, DIGEST: "digest:another"}, [])]
    assert [*keys_account.wrong_keys(labels, [labels[ENCRYPTION]])]
    assert [*keys_account.wrong_events({"keys.registered": 1})] == []
    assert [*keys_account.wrong_events({"keys.registered": 2})]
    assert [*keys_account.wrong_events({"keys.registered": 1, "keys.retired": 1})]


def test_checkpoints_without_the_signature_of_each_key_are_found(staff: User, settings: Settings) -> None:
    accept_keys(ACTOR)
    keys, file = NewKeys.random("a token"), settings.AUDIT_CHECKPOINT_FILE
    assert sign_checkpoint(ACTOR)
    assert [*keys_account.files_with_other_keys([file], keys.ids_of_signing())]
    keys_account.have_keys_of(keys.added(in_front=False))
    register_keys(ACTOR)
    keys_account.have_keys_of(keys.exchanged())
    assert sign_checkpoint(ACTOR)
    assert [*keys_account.files_with_other_keys([file], keys.ids_of_signing())] == []
    assert verify().verdict == Verdict.UNCHANGED
