"""A search is recorded with its digests and found again only by its person's token."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers import searches
from apps.consumers.models import DigestKind, RecordedSearch, RecordedSearchDigest
from apps.consumers.searches import Search, SearchGone, SearchUnreadable
from apps.consumers.sending.digests import search_digest, search_digests_of_value
from apps.core import clock, keys_in_use, personal_data
from apps.core.encryption import encrypt_as_text
from tests.support import personal_rows
from tests.support.audit_flush import lift_triggers
from tests.support.keys import digest_again, new_encryption_key
from tests.support.people import TESTS, acting, events, make_person
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db

EMAIL, NAME = "Ida@Example.com", "Quixwold"


def _stored(search: RecordedSearch) -> dict[str, bytes]:
    return {row.kind: bytes(row.digest) for row in search.digests.all()}


def _expected() -> dict[str, bytes]:
    """The stored digests, under the key in use."""
    return {
        DigestKind.EMAIL: search_digest(DigestKind.EMAIL, EMAIL),
        DigestKind.LAST_NAME: search_digest(DigestKind.LAST_NAME, NAME),
    }


def _search(search: RecordedSearch) -> Search:
    """What the token of this search must return: digests under every key."""
    return Search(
        search.public_id,
        (
            (DigestKind.EMAIL, search_digests_of_value(DigestKind.EMAIL, EMAIL)),
            (DigestKind.LAST_NAME, search_digests_of_value(DigestKind.LAST_NAME, NAME)),
        ),
    )


def test_search_is_stored_encrypted_with_its_digests_and_its_event(staff: User) -> None:
    search = recorded(staff, last_name=NAME, email=EMAIL)
    search.refresh_from_db()
    assert (search.person, search.kinds) == (staff, ["email", "last_name"])
    assert json.loads(personal_data.text(search, "encrypted_values")) == {"email": EMAIL, "last_name": NAME}
    assert NAME.encode() not in bytes(search.encrypted_values)
    assert _stored(search) == _expected()
    [event] = events("submissions.searched")
    assert event.actor_id == str(staff.pk)
    assert event.details == {"search": str(search.public_id), "by": ["email", "last_name"]}


def test_nothing_is_stored_without_the_event(staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_event: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(searches, "record_shown", fail)
    with pytest.raises(DatabaseError):
        searches.record_search({DigestKind.EMAIL: EMAIL}, actor=acting(staff))
    assert not RecordedSearch.objects.exists()
    assert not RecordedSearchDigest.objects.exists()


def test_token_is_of_one_person_and_names_no_value(staff: User) -> None:
    search = recorded(staff, email=EMAIL, last_name=NAME)
    token = searches.seal(search)
    assert searches.unseal(token, str(staff.pk)) == _search(search)
    assert token != searches.seal(search)  # two addresses of one search show no relation
    assert search.public_id.hex not in token
    with pytest.raises(SearchGone):
        searches.unseal(token, str(make_person("sid", "staff").pk))


@pytest.mark.parametrize(
    "token",
    ["", "x", "é", "AAAA", "12345678-1234-4234-8234-123456789012", "5c" * 32, "=" * 900],
    ids=["empty", "short", "not ASCII", "base64", "UUID", "digest", "long"],
)
def test_other_text_is_no_token(staff: User, token: str, caplog: pytest.LogCaptureFixture) -> None:
    recorded(staff, email=EMAIL)
    caplog.clear()
    with pytest.raises(SearchGone):
        searches.unseal(token, str(staff.pk))
    assert caplog.messages == [f"search_token_refused {staff.pk}"]


def test_altered_token_and_one_encrypted_for_another_place_are_no_tokens(staff: User) -> None:
    search = recorded(staff, email=EMAIL)
    token = searches.seal(search)
    for position in range(0, len(token) - 4, 5):
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(SearchGone):
            searches.unseal(f"{token[:position]}{other}{token[position + 1 :]}", str(staff.pk))
    elsewhere = encrypt_as_text(search.public_id.hex, "sealed_entries", str(staff.pk))
    with pytest.raises(SearchGone):
        searches.unseal(elsewhere, str(staff.pk))


def test_search_that_is_erased_deleted_or_unreadable_cannot_be_used(
    staff: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    erased, deleted, unreadable = (recorded(staff, email=EMAIL) for _ in range(3))
    tokens = {
        searches.seal(erased): SearchGone,
        searches.seal(deleted): SearchGone,
        searches.seal(unreadable): SearchUnreadable,
    }
    personal_rows.erase(erased)
    RecordedSearch.objects.filter(pk=deleted.pk).delete()
    other = recorded(staff, last_name=NAME)
    RecordedSearch.objects.filter(pk=unreadable.pk).update(encrypted_values=other.encrypted_values)
    caplog.clear()
    for token, reason in tokens.items():
        with pytest.raises(reason):
            searches.unseal(token, str(staff.pk))
    assert caplog.messages == [f"encrypted_value_does_not_belong search.values {unreadable.public_id}"]
    erased.refresh_from_db()
    assert (erased.kinds, _stored(erased)) == (["email"], {})
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    with pytest.raises(SearchUnreadable):
        searches.unseal(searches.seal(other), str(staff.pk))


def test_new_digest_key_changes_the_digests_and_neither_token_nor_values(
    staff: User, settings: Settings
) -> None:
    search = recorded(staff, email=EMAIL, last_name=NAME)
    token, before = searches.seal(search), _stored(search)
    settings.DIGEST_KEYS = ["another digest key of this test alone, 0123456789", *settings.DIGEST_KEYS]
    keys_in_use.forget()
    assert searches.unseal(token, str(staff.pk)) == _search(search)
    digest_again(search)
    assert _stored(search) == _expected()
    assert not {*before.values()} & {*_stored(search).values()}


def test_digests_of_an_unreadable_search_stay_and_an_erased_one_gets_none(staff: User) -> None:
    search, other = recorded(staff, email=EMAIL), recorded(staff, last_name=NAME)
    before = _stored(search)
    RecordedSearch.objects.filter(pk=search.pk).update(encrypted_values=other.encrypted_values)
    assert digest_again(search) == [search.public_id]
    assert _stored(search) == before
    rewritten = personal_data.re_digest_rows(RecordedSearch, [other.pk], "")
    personal_rows.erase(other)
    with transaction.atomic():
        assert not rewritten.write()  # it was read before the erasure
    assert digest_again(other) == []
    assert _stored(other) == {}


def _has_values(search: RecordedSearch) -> bool:
    search.refresh_from_db()
    assert bool(search.encrypted_values) == search.digests.exists()
    return bool(search.encrypted_values)


def test_values_are_deleted_after_their_days_and_the_kinds_stay(staff: User, settings: Settings) -> None:
    settings.SEARCH_DAYS = 30
    now = clock.now()
    with time_machine.travel(now - dt.timedelta(days=29), tick=False):
        later = recorded(staff, email=EMAIL)
    with time_machine.travel(now - dt.timedelta(days=31), tick=False):
        old = recorded(staff, email=EMAIL, last_name=NAME)
    assert searches.erase_expired(TESTS) == 1
    assert (_has_values(old), _has_values(later)) == (False, True)
    assert old.kinds == ["email", "last_name"]
    with pytest.raises(SearchGone):
        searches.find(old.public_id)
    [event] = events("searches.erased")
    assert event.details == {"count": 1}
    assert searches.erase_expired(TESTS) == 0
    assert len(events("searches.erased")) == 1


def test_without_days_values_are_kept_as_long_as_the_events_of_their_time(
    staff: User, settings: Settings
) -> None:
    settings.SEARCH_DAYS = 0
    now = clock.now()
    with time_machine.travel(now - dt.timedelta(days=3_000), tick=False):
        old = recorded(staff, email=EMAIL)
    later = recorded(staff, email=EMAIL)
    assert searches.erase_expired(TESTS) == 0
    first = events("submissions.searched")[0]
    with lift_triggers(connection), connection.cursor() as cursor:  # as after the retention period
        cursor.execute(f"DELETE FROM {AuditEvent._meta.db_table} WHERE seq <= %s", [first.seq])
    assert searches.erase_expired(TESTS) == 1
    assert (_has_values(old), _has_values(later)) == (False, True)


def test_many_expired_searches_are_emptied_in_parts(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "MAX_ERASED", 2)
    settings.SEARCH_DAYS = 1
    with time_machine.travel(clock.now() - dt.timedelta(days=2), tick=False):
        made = [recorded(staff, last_name=f"{NAME}{number}") for number in range(3)]
    assert [searches.erase_expired(TESTS) for _ in range(3)] == [2, 1, 0]
    assert [_has_values(one) for one in made] == [False] * 3


def test_two_workers_empty_a_search_once(staff: User, settings: Settings) -> None:
    search = recorded(staff, email=EMAIL)
    assert searches._erase([search.pk], TESTS) == 1
    assert searches._erase([search.pk], TESTS) == 0  # found before the first was done
    assert len(events("searches.erased")) == 1


def test_report_and_export_say_that_a_search_is_gone(staff: User) -> None:
    search = recorded(staff, email=EMAIL)
    searches._erase([search.pk], TESTS)
    with pytest.raises(SearchGone):
        searches.unseal(searches.seal(search), str(staff.pk))
    with pytest.raises(SearchGone):
        searches.record_again(search.public_id, actor=acting(staff))
