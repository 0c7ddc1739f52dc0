"""What is compared by digests is recognised while another digest key is put to use."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from pytest_django import Settings

from apps.accounts.models import User
from apps.accounts.sign_in import known_devices
from apps.audit.recording import record
from apps.consumers.models import Outcome, Submission
from apps.consumers.selectors import sent_again
from apps.consumers.sending import submit as submitting
from apps.consumers.sending.digests import (
    content_digest,
    content_digests_of,
    search_digests,
    store_search_digests,
)
from apps.consumers.sending.submit import NotConfirmed, NotWritten, ReasonMissing
from apps.consumers.sending.warnings import find_warnings
from apps.core import key_fingerprints
from apps.core.encryption import DIGEST
from apps.core.limits import Limit
from apps.core.models import KeyInUse
from consumerportal import key_rewriting, keys
from consumerportal.audit_events import KEYS_REGISTERED
from consumerportal.keys import NotPossibleError, register_keys, use_key
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.entries import clean, store
from tests.support.key_rotation import (
    ACTOR,
    BOUND,
    NEW_KEYS,
    begun_on_submissions,
    silent,
    submit,
    wait_until_one_waits,
    with_next_key,
)
from tests.support.people import PASSWORD
from tests.support.unique_entries import consumer as another

pytestmark = pytest.mark.django_db(transaction=True)


# --- The repeat guard across --use -------------------------------------------------------------------
def test_open_submission_is_digested_at_once_and_a_repeat_violates_the_constraint(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = another()
    first = submit(staff, consumer)
    closed = store(staff, Outcome.CREATED)
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    first.refresh_from_db()
    assert bytes(first.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)
    assert bytes(Submission.objects.get(pk=closed.pk).content_digest) == bytes(closed.content_digest)
    # Without the look for an earlier submission, the constraint alone stops the repeat.
    monkeypatch.setattr(submitting, "_existing_submission", lambda *_: None)
    client = silent()
    with pytest.raises(NotWritten):
        submit(staff, consumer, client)
    client.create_order_consumer.assert_not_called()


def test_open_submission_that_cannot_be_read_stops_the_change(staff: User, settings: Settings) -> None:
    row, other = submit(staff, another()), submit(staff, another())
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=other.encrypted_consumer)
    former, following = with_next_key(settings, "DIGEST_KEYS")
    before = bytes(Submission.objects.get(pk=other.pk).content_digest)
    with pytest.raises(NotPossibleError, match=str(row.public_id)):
        use_key(following, ACTOR)
    assert key_fingerprints.label_of(DIGEST, KeyInUse.objects.get(kind=DIGEST).fingerprint) == former
    assert bytes(Submission.objects.get(pk=other.pk).content_digest) == before


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
def test_create_waits_for_the_change_and_is_stored_under_the_new_key(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    consumer, stored = another(), []
    changed = record

    def wait_for_the_create(event: Any) -> int:
        creating.start()
        wait_until_one_waits()
        return changed(event)

    def create() -> None:
        try:
            stored.append(submit(staff, consumer))
        finally:
            connection.close()

    creating = threading.Thread(target=create)
    monkeypatch.setattr(keys, "record", wait_for_the_create)
    use_key(following, ACTOR)
    creating.join(BOUND)
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    [row] = Submission.objects.all()
    assert row == stored[0]
    assert bytes(row.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)
    assert {*row.digests.values_list("kind", "digest")} == search_digests(consumer, key=key)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
def test_create_that_waits_while_the_key_in_use_is_forgotten_is_stored_under_the_new_key(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = settings.DIGEST_KEYS[0]
    settings.DIGEST_KEYS = [NEW_KEYS["DIGEST_KEYS"]]
    consumer, stored = another(), []
    changed = record

    def create() -> None:
        try:
            stored.append(submit(staff, consumer))
        finally:
            connection.close()

    def wait_for_the_create(event: Any) -> int:
        if event.type is KEYS_REGISTERED:
            # The process of the create still has the forgotten key, which it has read as the one in use.
            settings.DIGEST_KEYS = [NEW_KEYS["DIGEST_KEYS"], forgotten]
            creating.start()
            wait_until_one_waits()
        return changed(event)

    creating = threading.Thread(target=create)
    monkeypatch.setattr(keys, "record", wait_for_the_create)
    register_keys(ACTOR, forget_missing=True)
    creating.join(BOUND)
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    assert key == key_fingerprints.DIGEST.fingerprints()[0]
    [row] = Submission.objects.all()
    assert stored == [row]
    assert bytes(row.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)


def test_nothing_is_created_without_a_digest_key_in_use(staff: User) -> None:
    KeyInUse.objects.filter(kind=DIGEST).delete()
    client = silent()
    with pytest.raises(NotWritten):
        submit(staff, another(), client)
    client.create_order_consumer.assert_not_called()
    assert not Submission.objects.exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
def test_change_waits_for_a_create_and_digests_its_row(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    consumer, failed = another(), []
    stored = store_search_digests

    def use() -> None:
        try:
            use_key(following, ACTOR)
        except Exception as error:  # noqa: BLE001  # any failure is shown by the test
            failed.append(error)
        finally:
            connection.close()

    using = threading.Thread(target=use)

    def wait_for_the_change(*given: Any, **named: Any) -> None:
        using.start()
        wait_until_one_waits()
        stored(*given, **named)

    monkeypatch.setattr(submitting, "store_search_digests", wait_for_the_change)
    row = submit(staff, consumer)
    using.join(BOUND)
    assert failed == []
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    assert key_fingerprints.label_of(DIGEST, key) == following
    row.refresh_from_db()
    assert bytes(row.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
def test_change_during_a_batch_waits_for_it_and_neither_fails(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, following = with_next_key(settings, "DIGEST_KEYS")
    consumer, failed = another(), []
    row = submit(staff, consumer)
    use_key(following, ACTOR)
    one = begun_on_submissions(following)
    make = key_rewriting._rewritten_rows

    def use() -> None:
        try:
            use_key(former, ACTOR)
        except Exception as error:  # noqa: BLE001  # any failure is shown by the test
            failed.append(error)
        finally:
            connection.close()

    using = threading.Thread(target=use)

    def write_when_the_change_waits(*given: Any) -> Any:
        rewritten = make(*given)
        write = rewritten.write

        def wait() -> bool:
            using.start()
            wait_until_one_waits()
            return write()

        rewritten.write = wait
        return rewritten

    monkeypatch.setattr(key_rewriting, "_rewritten_rows", write_when_the_change_waits)
    assert key_rewriting._rewrite_next_rows(one, ACTOR) == 1
    using.join(BOUND)
    assert failed == []
    row.refresh_from_db()
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    assert key_fingerprints.label_of(DIGEST, key) == former
    assert bytes(row.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)


# --- What else is compared ---------------------------------------------------------------------------
def test_warning_confirmed_under_the_former_key_is_confirmed(staff: User, settings: Settings) -> None:
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    consumer = clean(first_name="Ida and Jan", phone_numbers=("12",))
    with pytest.raises(NotConfirmed) as stopped:
        submit(staff, consumer)
    accepted = frozenset(warning.key for warning in stopped.value.warnings)
    assert len(accepted) > 1
    use_key(following, ACTOR)
    assert submit(staff, consumer, accepted=accepted).outcome == Outcome.UNKNOWN
    with pytest.raises(NotConfirmed):
        submit(staff, clean(first_name="Ida and Eve", phone_numbers=("12",)), accepted=accepted)


def test_similar_consumer_confirmed_under_the_former_key_is_confirmed(
    staff: User, settings: Settings
) -> None:
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    sent = another()
    store(staff, Outcome.CREATED, replace(sent, passport_number="", identifiers=()))
    with pytest.raises(NotConfirmed) as stopped:
        submit(staff, sent)
    accepted = frozenset(warning.key for warning in stopped.value.warnings)
    assert any(key.startswith("similar_consumer:") for key in accepted)
    use_key(following, ACTOR)
    with pytest.raises(ReasonMissing):
        submit(staff, sent, accepted=accepted)
    submission = submit(staff, sent, accepted=accepted, similar_reason="same_name")
    assert submission.outcome == Outcome.UNKNOWN


def test_unreadable_submission_under_the_former_key_is_a_warning(staff: User, settings: Settings) -> None:
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    sent = another()
    earlier = store(staff, Outcome.CREATED, sent)
    Submission.objects.filter(pk=earlier.pk).update(encrypted_consumer=b"unreadable")
    use_key(following, ACTOR)
    found = [warning for warning in find_warnings(SAMPLE_ORDER, sent) if warning.submission]
    assert [(warning.code, warning.submission) for warning in found] == [("earlier_not_readable", earlier)]


def test_same_form_again_returns_its_submission_across_the_change(staff: User, settings: Settings) -> None:
    token, consumer = uuid.uuid4(), another()
    closed = store(staff, Outcome.REJECTED, consumer, token=token)
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    assert submit(staff, consumer, token=token) == closed


def test_later_submission_of_the_same_content_is_found_across_the_change(
    staff: User, settings: Settings
) -> None:
    first = store(staff, Outcome.NOT_CREATED)
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    second = store(staff, Outcome.CREATED)
    assert bytes(first.content_digest) != bytes(second.content_digest)
    assert sent_again(first, content_digests_of(first)) == [second]


def test_acts_under_the_former_key_count(settings: Settings) -> None:
    limit = Limit("test", max_acts=2, seconds=60)
    assert limit.acquire("who")
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    assert limit.acquire("who")
    assert limit.is_reached("who")
    assert limit.acquire("who") is None


def test_browser_known_under_the_former_key_is_known(staff: User, settings: Settings) -> None:
    browser = Client()
    browser.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    request = RequestFactory().get("/")
    request.COOKIES = {name: one.value for name, one in browser.cookies.items()}
    staff.refresh_from_db()
    assert known_devices.device_of(request, staff)
