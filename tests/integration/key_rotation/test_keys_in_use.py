"""The keys that a process writes with, and what it does without them."""

from __future__ import annotations

from typing import Any
from unittest.mock import create_autospec

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.cdp.client import CdpClient, ListedGuests
from apps.cdp.errors import CdpRejected
from apps.cdp.records import Order
from apps.consumers.audit_events import VENDOR_RECORDS_SEARCHED
from apps.consumers.models import OrderReading, Outcome, RecordedSearch, Submission
from apps.consumers.order_lookup.readings import store_reading
from apps.consumers.sending.submit import NotWritten
from apps.core import clock, encryption, key_fingerprints, keys_in_use
from apps.core.encryption import DIGEST, MissingKeyError, keyed_digest, keyed_digests
from apps.history.forms.filters import SEARCH
from apps.orders.services import search_guests
from consumerportal.audit_events import KEYS_FORGOTTEN
from consumerportal.keys import (
    KeysNotAcceptedError,
    NotPossibleError,
    accept_keys,
    register_keys,
    retire_key,
    use_key,
)
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.key_rotation import (
    ACTOR,
    KINDS,
    NEW_KEYS,
    fail,
    silent,
    submit,
    with_next_key,
)
from tests.support.people import PASSWORD, acting
from tests.support.unique_entries import consumer as another

pytestmark = pytest.mark.django_db(transaction=True)


def test_new_key_in_front_is_not_used_before_it_is_put_to_use(settings: Settings) -> None:
    before = encryption.encrypt("x", "label")[:4], keyed_digest("x")
    for name in KINDS:
        setattr(settings, name, [NEW_KEYS[name], *getattr(settings, name)])
    keys_in_use.refresh()
    assert (encryption.encrypt("x", "label")[:4], keyed_digest("x")) == before
    register_keys(ACTOR)
    assert (encryption.encrypt("x", "label")[:4], keyed_digest("x")) == before


def test_key_in_use_is_read_again_after_some_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    known = keys_in_use.current(DIGEST)
    use_key(following, ACTOR)
    keys_in_use._Known.fingerprints = {DIGEST: known}
    monkeypatch.setattr(keys_in_use, "_is_due", lambda: True)
    assert key_fingerprints.label_of(DIGEST, keys_in_use.current(DIGEST)) == following


def test_lost_database_leaves_the_last_known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    known = keys_in_use.current(DIGEST)
    monkeypatch.setattr(keys_in_use, "_is_due", lambda: True)
    with connection.execute_wrapper(fail):
        assert keys_in_use.current(DIGEST) == known != ""


def test_process_without_the_key_in_use_creates_nothing(staff: User, settings: Settings) -> None:
    old = list(settings.DIGEST_KEYS)
    _former, following = with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    settings.DIGEST_KEYS = old
    client = silent()
    with pytest.raises(NotWritten):
        submit(staff, another(), client)
    client.create_order_consumer.assert_not_called()
    assert not Submission.objects.exists()


@pytest.fixture
def lacking(settings: Settings) -> None:
    """Two keys are in use that this process does not have, and it knows that."""
    old = {name: list(getattr(settings, name)) for name in KINDS}
    for name in KINDS:
        _former, following = with_next_key(settings, name)
        use_key(following, ACTOR)
    for name, value in old.items():
        setattr(settings, name, value)


@pytest.mark.usefixtures("lacking")
def test_process_without_the_keys_in_use_stores_and_compares_nothing(staff: User) -> None:
    with pytest.raises(MissingKeyError):
        encryption.encrypt("x", "label")
    for digest in (keyed_digest, keyed_digests):
        with pytest.raises(MissingKeyError):
            digest("x")
    with pytest.raises(NotWritten):
        submit(staff, another())
    assert not Submission.objects.exists()


@pytest.mark.usefixtures("lacking")
def test_process_without_the_keys_in_use_still_lets_people_sign_in_and_keeps_what_they_typed(
    staff: User,
) -> None:
    browser = Client(raise_request_exception=False)
    browser.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    page = browser.get("/consumers/new/")
    assert page.status_code == 200
    sealed = encryption.encrypt_as_text("typed", "label")
    assert encryption.decrypt_from_text(sealed, "label") == "typed"
    answer = browser.post("/submissions/", {f"{SEARCH}-last_name": "Keptington"})
    assert answer.status_code == 503
    assert "does not have a key" in answer.content.decode()
    assert not RecordedSearch.objects.exists()


@pytest.mark.usefixtures("lacking")
def test_calls_of_a_process_without_the_keys_in_use_are_recorded(staff: User) -> None:
    client = create_autospec(CdpClient, instance=True)
    client.search_guests.return_value = ListedGuests((), is_whole=True)
    search_guests(email="ida@example.com", actor=acting(staff), client=client)
    assert AuditEvent.objects.latest("seq").action == VENDOR_RECORDS_SEARCHED.name
    store_reading(SAMPLE_ORDER, Order(ref=SAMPLE_ORDER), None, read_at=clock.now())
    assert not OrderReading.objects.exists()
    assert not RecordedSearch.objects.exists()


def test_answer_is_stored_although_the_key_in_use_was_replaced_by_a_missing_one_during_the_call(
    staff: User, settings: Settings
) -> None:
    old = list(settings.ENCRYPTION_KEYS)
    _former, following = with_next_key(settings, "ENCRYPTION_KEYS")

    def replace_the_key(*_: Any, **__: Any) -> Any:
        use_key(following, ACTOR)
        settings.ENCRYPTION_KEYS = old
        raise CdpRejected(http_status=400, vendor_message="Not so")

    client = silent()
    client.create_order_consumer.side_effect = replace_the_key
    row = submit(staff, another(), client)
    assert row.outcome == Outcome.REJECTED
    assert Submission.objects.get().vendor_message == "Not so"


def test_mac_key_is_succeeded_machine_by_machine_and_never_retired(settings: Settings) -> None:
    old, new = settings.AUDIT_MAC_KEYS, NEW_KEYS["AUDIT_MAC_KEYS"]
    settings.AUDIT_MAC_KEYS = [new, *old]
    register_keys(ACTOR)
    macs = next(kind for kind in key_fingerprints.kinds() if kind.name == "audit_mac")
    following, former = (key_fingerprints.label_of(macs.name, one) for one in macs.fingerprints())
    assert {event.mac_key for event in AuditEvent.objects.all()} == {former.partition(":")[2]}
    use_key(following, ACTOR)
    register_keys(ACTOR)
    with transaction.atomic():
        record(Event(KEYS_FORGOTTEN, ACTOR, data={"keys": []}))
    assert AuditEvent.objects.latest("seq").mac_key == following.partition(":")[2]
    assert verify().verdict is Verdict.UNSIGNED
    for label in (former, following):
        with pytest.raises(NotPossibleError, match="never retired"):
            retire_key(label, ACTOR)


def test_former_mac_key_is_never_in_use(settings: Settings) -> None:
    old, new = settings.AUDIT_MAC_KEYS, NEW_KEYS["AUDIT_MAC_KEYS"]
    settings.AUDIT_MAC_KEYS = [new, *old]
    register_keys(ACTOR)
    macs = next(kind for kind in key_fingerprints.kinds() if kind.name == "audit_mac")
    following, former = (key_fingerprints.label_of(macs.name, one) for one in macs.fingerprints())
    settings.AUDIT_MAC_KEYS, settings.AUDIT_FORMER_MAC_KEYS = [new], old
    with pytest.raises(KeysNotAcceptedError, match="only among the former ones"):
        accept_keys(ACTOR)
    use_key(following, ACTOR)
    accept_keys(ACTOR)
    with pytest.raises(NotPossibleError, match="only verifies"):
        use_key(former, ACTOR)
