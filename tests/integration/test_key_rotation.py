"""Keys are replaced machine by machine while people work: nothing is unreadable, lost or created twice."""

from __future__ import annotations

import base64
import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.test import Client, RequestFactory
from pytest_django import Settings

from apps.accounts.models import User
from apps.accounts.sign_in import known_devices
from apps.audit.events import Event
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.cdp.client import CdpClient
from apps.cdp.consumers import NewConsumer
from apps.cdp.errors import CdpRejected, CdpTimeout
from apps.cdp.factory import get_client
from apps.cdp.records import Order
from apps.consumers.audit_events import VENDOR_RECORDS_SEARCHED
from apps.consumers.models import (
    DigestKind,
    OrderReading,
    Outcome,
    RecordedSearch,
    Submission,
    SubmissionDigest,
)
from apps.consumers.order_lookup.readings import store_reading
from apps.consumers.searches import Search
from apps.consumers.selectors import sent_again
from apps.consumers.sending import submit as submitting
from apps.consumers.sending.digests import (
    content_digest,
    content_digests_of,
    search_digests,
    search_digests_of_value,
    store_search_digests,
)
from apps.consumers.sending.submit import IdenticalOpen, NotConfirmed, NotWritten, ReasonMissing
from apps.consumers.sending.warnings import find_warnings
from apps.consumers.viewer import UNRESTRICTED
from apps.core import clock, encryption, heartbeats, key_fingerprints, keys_in_use, personal_data
from apps.core.actor import Actor
from apps.core.encryption import DIGEST, ENCRYPTION, MissingKeyError, keyed_digest, keyed_digests
from apps.core.limits import Limit
from apps.core.models import Heartbeat, KeyFingerprint, KeyInUse, KeyRewriting
from apps.history.forms.filters import SEARCH
from apps.history.selection import Selection, SubmissionFilter
from apps.orders.services import search_guests
from consumerportal import key_rewriting, keys, status, web_heartbeats
from consumerportal.audit_events import KEYS_FORGOTTEN, KEYS_REGISTERED
from consumerportal.keys import (
    KeysNotAcceptedError,
    NotPossibleError,
    accept_keys,
    register_keys,
    retire_key,
    use_key,
)
from consumerportal.management.commands.worker import Worker
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, store
from tests.support.keys import new_encryption_key
from tests.support.people import PASSWORD, acting
from tests.support.searches import recorded
from tests.support.unique_entries import consumer as another

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR = Actor.system("test")
NEW_KEYS = {
    "ENCRYPTION_KEYS": new_encryption_key(),
    "DIGEST_KEYS": "the next digest key of this test 0123456789",
    "AUDIT_MAC_KEYS": base64.b64encode(bytes(range(64, 96))).decode(),
}
KINDS = {
    "ENCRYPTION_KEYS": key_fingerprints.ENCRYPTION,
    "DIGEST_KEYS": key_fingerprints.DIGEST,
}
BOUND = 20  # seconds


@dataclass
class Machine:
    """A machine: its settings, and the keys in use that its process has read."""

    settings: dict[str, list[str]]
    known: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self, settings: Settings, *, notice: bool = True) -> Iterator[None]:
        """This process is one of the machine. Without ``notice`` it does not read the keys in use again."""
        for name, value in self.settings.items():
            setattr(settings, name, value)
        keys_in_use._Known.fingerprints = self.known
        if notice:
            keys_in_use.refresh()
        yield
        self.known = keys_in_use._Known.fingerprints


@pytest.fixture(autouse=True)
def _registered() -> None:
    accept_keys(ACTOR)


@pytest.fixture(autouse=True)
def _rewriting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "REWRITE_AFTER", dt.timedelta())
    monkeypatch.setattr(key_rewriting, "PAUSE_SECONDS", 0)


@pytest.fixture(params=KINDS)
def rotated(request: pytest.FixtureRequest, settings: Settings) -> tuple[str, str]:
    """Two keys of a kind are registered; the labels of the former, which is in use, and of the next one."""
    return _with_next_key(settings, str(request.param))


def _with_next_key(settings: Settings, name: str) -> tuple[str, str]:
    setattr(settings, name, [*getattr(settings, name), NEW_KEYS[name]])
    register_keys(ACTOR)
    kind = KINDS[name]
    former, following = (key_fingerprints.label_of(kind.name, one) for one in kind.fingerprints())
    return former, following


def _silent() -> MagicMock:
    """A client whose creates are never answered."""
    client: MagicMock = create_autospec(CdpClient, instance=True, spec_set=True)
    client.create_order_consumer.side_effect = CdpTimeout
    return client


def _submit(person: User, consumer: NewConsumer, client: Any = None, **given: Any) -> Submission:
    values: dict[str, Any] = {"order_ref": SAMPLE_ORDER, "token": uuid.uuid4(), **given}
    return submitting.submit(consumer=consumer, actor=acting(person), client=client or _silent(), **values)


def _rewrite_all() -> int:
    return key_rewriting.rewrite_due(ACTOR, after=dt.timedelta(), stop=threading.Event())


def _found(kind: DigestKind, value: str) -> list[int]:
    asked = SubmissionFilter(search=Search(uuid.uuid4(), ((kind, search_digests_of_value(kind, value)),)))
    return sorted(Selection(asked, UNRESTRICTED).submissions().values_list("pk", flat=True))


# --- The whole procedure on two machines ------------------------------------------------------------
def test_at_each_step_both_machines_read_find_and_stop_what_the_other_stored(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {name: list(getattr(settings, name)) for name in KINDS}
    both = {name: [*old[name], NEW_KEYS[name]] for name in KINDS}
    turned = {name: [NEW_KEYS[name], *old[name]] for name in KINDS}
    new = {name: [NEW_KEYS[name]] for name in KINDS}
    one, two = Machine(old), Machine(old)
    made: list[tuple[Submission, NewConsumer]] = []

    def check(step: str, *, two_notices: bool = True) -> None:
        for writer, reader in ((one, two), (two, one)):
            with writer.running(settings, notice=two_notices or writer is one):
                consumer = another()
                made.append((_submit(staff, consumer), consumer))
            with reader.running(settings, notice=two_notices or reader is one):
                for submission, sent in made:
                    assert Submission.objects.get(pk=submission.pk).consumer == sent, step
                    assert _found(DigestKind.LAST_NAME, sent.last_name) == [submission.pk], step
                    with pytest.raises(IdenticalOpen) as stopped:
                        _submit(staff, sent)
                    assert stopped.value.submission.pk == submission.pk, step
                    similar = [found.submission for found in find_warnings(SAMPLE_ORDER, sent)]
                    assert submission in similar, step

    def run(act: Callable[[], object]) -> None:
        with one.running(settings):
            act()

    def of_both(act: Callable[[str], object], *, new_key: bool) -> None:
        for name, kind in KINDS.items():
            at = kind.fingerprints()[both[name].index(NEW_KEYS[name]) if new_key else 0]
            act(key_fingerprints.label_of(kind.name, at))

    check("before")
    one.settings = both
    check("the first machine has the new keys")
    two.settings = turned
    check("both have them, in another order")
    assert {bytes(row.encrypted_consumer)[:4] for row, _sent in made} == {_key_id(old)}
    run(lambda: register_keys(ACTOR))
    check("added")
    run(lambda: of_both(lambda label: use_key(label, ACTOR), new_key=True))
    check("in use, which the second machine has not noticed", two_notices=False)
    check("in use")
    monkeypatch.setattr(key_rewriting, "BATCH_ROWS", 3)
    monkeypatch.setattr(key_rewriting, "ROUND_SECONDS", 0)
    for _ in range(3):
        run(lambda: key_rewriting._rewrite_batch(key_rewriting._next(dt.timedelta()), ACTOR))  # type: ignore[arg-type]
    check("half of the rows are written again")
    monkeypatch.setattr(key_rewriting, "ROUND_SECONDS", BOUND)
    run(_rewrite_all)
    check("all rows are written again")
    run(lambda: of_both(lambda label: retire_key(label, ACTOR), new_key=False))
    check("retired")
    one.settings = new
    check("the first machine has the new keys only")
    two.settings = new
    check("both have the new keys only")
    for machine in (one, two):
        with machine.running(settings):
            accept_keys(ACTOR)


def _key_id(of: dict[str, list[str]]) -> bytes:
    [key, *_rest] = encryption.read_keys(of["ENCRYPTION_KEYS"])
    return encryption.key_fingerprint(key)[: encryption.KEY_ID_BYTES]


# --- Keys to write with ------------------------------------------------------------------------------
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
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    known = keys_in_use.current(DIGEST)
    use_key(following, ACTOR)
    keys_in_use._Known.fingerprints = {DIGEST: known}
    monkeypatch.setattr(keys_in_use, "_is_due", lambda: True)
    assert key_fingerprints.label_of(DIGEST, keys_in_use.current(DIGEST)) == following


def test_lost_database_leaves_the_last_known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    known = keys_in_use.current(DIGEST)
    monkeypatch.setattr(keys_in_use, "_is_due", lambda: True)
    with connection.execute_wrapper(_fail):
        assert keys_in_use.current(DIGEST) == known != ""


def _fail(*_arguments: object) -> None:
    from django.db import OperationalError

    raise OperationalError


def test_process_without_the_key_in_use_creates_nothing(staff: User, settings: Settings) -> None:
    old = list(settings.DIGEST_KEYS)
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    settings.DIGEST_KEYS = old
    client = _silent()
    with pytest.raises(NotWritten):
        _submit(staff, another(), client)
    client.create_order_consumer.assert_not_called()
    assert not Submission.objects.exists()


@pytest.fixture
def lacking(settings: Settings) -> None:
    """Two keys are in use that this process does not have, and it knows that."""
    old = {name: list(getattr(settings, name)) for name in KINDS}
    for name in KINDS:
        _former, following = _with_next_key(settings, name)
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
        _submit(staff, another())
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
    client.search_guests.return_value = ()
    search_guests(email="ida@example.com", actor=acting(staff), client=client)
    assert AuditEvent.objects.latest("seq").action == VENDOR_RECORDS_SEARCHED.name
    store_reading(SAMPLE_ORDER, Order(ref=SAMPLE_ORDER), None, read_at=clock.now())
    assert not OrderReading.objects.exists()
    assert not RecordedSearch.objects.exists()


def test_answer_is_stored_although_the_key_in_use_was_replaced_by_a_missing_one_during_the_call(
    staff: User, settings: Settings
) -> None:
    old = list(settings.ENCRYPTION_KEYS)
    _former, following = _with_next_key(settings, "ENCRYPTION_KEYS")

    def replace_the_key(*_: Any, **__: Any) -> Any:
        use_key(following, ACTOR)
        settings.ENCRYPTION_KEYS = old
        raise CdpRejected(http_status=400, vendor_message="Not so")

    client = _silent()
    client.create_order_consumer.side_effect = replace_the_key
    row = _submit(staff, another(), client)
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


# --- The repeat guard across --use ------------------------------------------------------------------
def test_open_submission_is_digested_at_once_and_a_repeat_violates_the_constraint(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = another()
    first = _submit(staff, consumer)
    closed = store(staff, Outcome.CREATED)
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    first.refresh_from_db()
    assert bytes(first.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)
    assert bytes(Submission.objects.get(pk=closed.pk).content_digest) == bytes(closed.content_digest)
    # Without the look for an earlier submission, the constraint alone stops the repeat.
    monkeypatch.setattr(submitting, "_earlier_submission", lambda *_: None)
    client = _silent()
    with pytest.raises(NotWritten):
        _submit(staff, consumer, client)
    client.create_order_consumer.assert_not_called()


def test_open_submission_that_cannot_be_read_stops_the_change(staff: User, settings: Settings) -> None:
    row, other = _submit(staff, another()), _submit(staff, another())
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=other.encrypted_consumer)
    former, following = _with_next_key(settings, "DIGEST_KEYS")
    before = bytes(Submission.objects.get(pk=other.pk).content_digest)
    with pytest.raises(NotPossibleError, match=str(row.public_id)):
        use_key(following, ACTOR)
    assert key_fingerprints.label_of(DIGEST, KeyInUse.objects.get(kind=DIGEST).fingerprint) == former
    assert bytes(Submission.objects.get(pk=other.pk).content_digest) == before


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
def test_create_waits_for_the_change_and_is_stored_under_the_new_key(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    consumer, stored = another(), []
    changed = record

    def wait_for_the_create(event: Any) -> int:
        creating.start()
        _wait_until_one_waits()
        return changed(event)

    def create() -> None:
        try:
            stored.append(_submit(staff, consumer))
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
            stored.append(_submit(staff, consumer))
        finally:
            connection.close()

    def wait_for_the_create(event: Any) -> int:
        if event.type is KEYS_REGISTERED:
            # The process of the create still has the forgotten key, which it has read as the one in use.
            settings.DIGEST_KEYS = [NEW_KEYS["DIGEST_KEYS"], forgotten]
            creating.start()
            _wait_until_one_waits()
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
    client = _silent()
    with pytest.raises(NotWritten):
        _submit(staff, another(), client)
    client.create_order_consumer.assert_not_called()
    assert not Submission.objects.exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
def test_change_waits_for_a_create_and_digests_its_row(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
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
        _wait_until_one_waits()
        stored(*given, **named)

    monkeypatch.setattr(submitting, "store_search_digests", wait_for_the_change)
    row = _submit(staff, consumer)
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
    former, following = _with_next_key(settings, "DIGEST_KEYS")
    consumer, failed = another(), []
    row = _submit(staff, consumer)
    use_key(following, ACTOR)
    one = _of_submissions(following)
    make = key_rewriting._batch_of

    def use() -> None:
        try:
            use_key(former, ACTOR)
        except Exception as error:  # noqa: BLE001  # any failure is shown by the test
            failed.append(error)
        finally:
            connection.close()

    using = threading.Thread(target=use)

    def write_when_the_change_waits(*given: Any) -> Any:
        batch = make(*given)
        write = batch.write

        def wait() -> bool:
            using.start()
            _wait_until_one_waits()
            return write()

        batch.write = wait
        return batch

    monkeypatch.setattr(key_rewriting, "_batch_of", write_when_the_change_waits)
    assert key_rewriting._rewrite_batch(one, ACTOR) == 1
    using.join(BOUND)
    assert failed == []
    row.refresh_from_db()
    key = KeyInUse.objects.get(kind=DIGEST).fingerprint
    assert key_fingerprints.label_of(DIGEST, key) == former
    assert bytes(row.content_digest) == content_digest(SAMPLE_ORDER, consumer, key=key)


def _wait_until_one_waits() -> None:
    end = time.monotonic() + BOUND
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("Nobody waits for the lock")


# --- What else is compared --------------------------------------------------------------------------
def test_warning_confirmed_under_the_former_key_is_confirmed(staff: User, settings: Settings) -> None:
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    consumer = clean(first_name="Ida and Jan", phone_numbers=("12",))
    with pytest.raises(NotConfirmed) as stopped:
        _submit(staff, consumer)
    accepted = frozenset(warning.key for warning in stopped.value.warnings)
    assert len(accepted) > 1
    use_key(following, ACTOR)
    assert _submit(staff, consumer, accepted=accepted).outcome == Outcome.UNKNOWN
    with pytest.raises(NotConfirmed):
        _submit(staff, clean(first_name="Ida and Eve", phone_numbers=("12",)), accepted=accepted)


def test_similar_consumer_confirmed_under_the_former_key_is_confirmed(
    staff: User, settings: Settings
) -> None:
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    sent = another()
    store(staff, Outcome.CREATED, replace(sent, passport_number="", identifiers=()))
    with pytest.raises(NotConfirmed) as stopped:
        _submit(staff, sent)
    accepted = frozenset(warning.key for warning in stopped.value.warnings)
    assert any(key.startswith("similar_consumer:") for key in accepted)
    use_key(following, ACTOR)
    with pytest.raises(ReasonMissing):
        _submit(staff, sent, accepted=accepted)
    submission = _submit(staff, sent, accepted=accepted, similar_reason="same_name")
    assert submission.outcome == Outcome.UNKNOWN


def test_unreadable_submission_under_the_former_key_is_a_warning(staff: User, settings: Settings) -> None:
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    sent = another()
    earlier = store(staff, Outcome.CREATED, sent)
    Submission.objects.filter(pk=earlier.pk).update(encrypted_consumer=b"unreadable")
    use_key(following, ACTOR)
    found = [warning for warning in find_warnings(SAMPLE_ORDER, sent) if warning.submission]
    assert [(warning.code, warning.submission) for warning in found] == [("earlier_not_readable", earlier)]


def test_same_form_again_returns_its_submission_across_the_change(staff: User, settings: Settings) -> None:
    token, consumer = uuid.uuid4(), another()
    closed = store(staff, Outcome.REJECTED, consumer, token=token)
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    assert _submit(staff, consumer, token=token) == closed


def test_later_submission_of_the_same_content_is_found_across_the_change(
    staff: User, settings: Settings
) -> None:
    first = store(staff, Outcome.NOT_CREATED)
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    second = store(staff, Outcome.CREATED)
    assert bytes(first.content_digest) != bytes(second.content_digest)
    assert sent_again(first, content_digests_of(first)) == [second]


def test_acts_under_the_former_key_count(settings: Settings) -> None:
    limit = Limit("test", max_acts=2, seconds=60)
    assert limit.acquire("who")
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    assert limit.acquire("who")
    assert limit.is_reached("who")
    assert limit.acquire("who") is None


def test_browser_known_under_the_former_key_is_known(staff: User, settings: Settings) -> None:
    browser = Client()
    browser.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    use_key(following, ACTOR)
    request = RequestFactory().get("/")
    request.COOKIES = {name: one.value for name, one in browser.cookies.items()}
    staff.refresh_from_db()
    assert known_devices.device_of(request, staff)


# --- Writing rows again -----------------------------------------------------------------------------
def test_rows_are_written_again_once_and_events_say_so(
    staff: User, settings: Settings, rotated: tuple[str, str]
) -> None:
    former, following = rotated
    rows = [store(staff, Outcome.REJECTED, vendor_message="Not so", note="Called") for _ in range(3)]
    erased = store(staff, Outcome.REJECTED)
    personal_data.erase(erased)
    before = {row.pk: personal_data.describe(row) for row in rows}
    use_key(following, ACTOR)
    assert key_rewriting.remaining(following.partition(":")[0]) >= 4
    assert _rewrite_all() >= 4
    assert _rewrite_all() == 0
    name = "ENCRYPTION_KEYS" if former.startswith(ENCRYPTION) else "DIGEST_KEYS"
    setattr(settings, name, [NEW_KEYS[name]])
    for row in Submission.objects.filter(pk__in=before):
        assert personal_data.describe(row) == before[row.pk]
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
    monkeypatch.setattr(key_rewriting, "BATCH_ROWS", 2)
    use_key(following, ACTOR)
    one = _of_submissions(following)
    assert key_rewriting._rewrite_batch(one, ACTOR) == 2
    one.refresh_from_db()
    in_between = _stored()

    class Killed(BaseException):
        pass

    def write_and_die(*given: Any) -> Any:
        batch = make(*given)
        write = batch.write

        def die() -> bool:
            write()
            raise Killed

        batch.write = die
        return batch

    make = key_rewriting._batch_of
    monkeypatch.setattr(key_rewriting, "_batch_of", write_and_die)
    with pytest.raises(Killed):
        key_rewriting._rewrite_batch(one, ACTOR)
    assert _stored() == in_between
    monkeypatch.setattr(key_rewriting, "_batch_of", make)
    assert key_rewriting._rewrite_batch(one, ACTOR) == 2
    assert key_rewriting._rewrite_batch(one, ACTOR) == 0  # another worker has written these rows already
    _rewrite_all()
    one.refresh_from_db()
    assert (one.done, one.rows, one.unreadable) == (5, 5, 0)
    assert one.finished_at is not None
    assert AuditEvent.objects.filter(action="keys.rewritten").count() == 1


def _of_submissions(label: str) -> KeyRewriting:
    """The progress of submissions, begun; other models have no rows."""
    while True:
        one = key_rewriting._next(dt.timedelta())
        assert one is not None, label
        if one.model == Submission._meta.label:
            return one
        key_rewriting._rewrite_batch(one, ACTOR)


def _stored() -> list[Any]:
    rows = Submission.objects.order_by("pk").values_list("encrypted_consumer", "content_digest")
    return [*rows, *SubmissionDigest.objects.order_by("pk").values_list("kind", "digest", "submission")]


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
    make = key_rewriting._batch_of
    changed: list[Submission] = []

    def change_after_reading(*given: Any) -> Any:
        batch = make(*given)
        if not changed and given[1] is Submission:
            changed.append(rows[0])
            if erased:
                personal_data.erase(rows[0])
            else:
                Submission.objects.filter(pk=rows[0].pk).update(
                    encrypted_resolution_note=under_the_former_key
                )
        return batch

    monkeypatch.setattr(key_rewriting, "_batch_of", change_after_reading)
    _rewrite_all()
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
    one = _of_submissions(following)
    use_key(former, ACTOR)
    before = _stored()
    assert key_rewriting._rewrite_batch(one, ACTOR) == 0
    assert _stored() == before
    _rewrite_all()
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


# --- Retiring ---------------------------------------------------------------------------------------
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
    _rewrite_all()
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
    _rewrite_all()
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
    _rewrite_all()
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
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=other.encrypted_consumer)
    before = Submission.objects.get(pk=row.pk)
    use_key(following, ACTOR)
    _rewrite_all()
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
    assert "1 cannot be read" in line.text
    personal_data.erase(found)
    use_key(following, ACTOR)  # begins again
    _rewrite_all()
    retire_key(former, ACTOR)


def test_value_written_with_the_former_key_afterwards_stops_the_retirement(
    staff: User, settings: Settings
) -> None:
    former, following = _with_next_key(settings, "ENCRYPTION_KEYS")
    use_key(following, ACTOR)
    _rewrite_all()
    keys_in_use.forget()  # a process that has not noticed: its first key is the former one
    store(staff, Outcome.REJECTED)
    with pytest.raises(NotPossibleError, match="1 values are encrypted with it"):
        retire_key(former, ACTOR)


# --- Putting a key to use ---------------------------------------------------------------------------
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
    _rewrite_all()
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
    with connection.execute_wrapper(_fail):
        web_heartbeats.record()  # raises nothing


def test_dry_run_counts_and_changes_nothing(
    staff: User, rotated: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [store(staff, Outcome.REJECTED) for _ in range(3)]
    Submission.objects.filter(pk=rows[0].pk).update(encrypted_consumer=rows[1].encrypted_consumer)
    searches = [recorded(staff, last_name=name) for name in ("Zed", "Wye", "Exe")]
    RecordedSearch.objects.filter(pk=searches[0].pk).update(encrypted_values=searches[1].encrypted_values)
    personal_data.erase(searches[2])
    before, events = _stored(), AuditEvent.objects.count()
    call_command("rotate_keys", "--use", rotated[1], "--dry-run")
    shown = capsys.readouterr().out
    assert "consumers.Submission: 3 rows, 2 to write again, 1 cannot be read" in shown
    assert "consumers.RecordedSearch: 3 rows, 1 to write again, 1 cannot be read" in shown
    assert "Not possible yet" not in shown
    assert (_stored(), AuditEvent.objects.count()) == (before, events)
    assert not KeyRewriting.objects.exists()


def test_dry_run_names_the_open_submissions_that_stop_the_change(
    staff: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    row, other = _submit(staff, another()), _submit(staff, another())
    Submission.objects.filter(pk=row.pk).update(encrypted_consumer=other.encrypted_consumer)
    _former, following = _with_next_key(settings, "DIGEST_KEYS")
    call_command("rotate_keys", "--use", following, "--dry-run")
    shown = capsys.readouterr().out
    assert f"Not possible yet. The open submission {row.public_id} cannot be read" in shown
    assert str(other.public_id) not in shown


def test_table_and_status_name_the_keys_and_what_is_left(
    staff: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    former, following = _with_next_key(settings, "ENCRYPTION_KEYS")
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
    _rewrite_all()
    assert "key_rewriting" not in {line.name for line in status.lines()}


def test_lost_digest_key_is_replaced_and_repeats_are_recognised_again(
    staff: User, settings: Settings
) -> None:
    consumer = another()
    row = _submit(staff, consumer)
    settings.DIGEST_KEYS = [NEW_KEYS["DIGEST_KEYS"]]
    register_keys(ACTOR, forget_missing=True)
    keys_in_use.refresh()
    with pytest.raises(IdenticalOpen):
        _submit(staff, consumer)
    _rewrite_all()
    assert _found(DigestKind.LAST_NAME, consumer.last_name) == [row.pk]


# --- The secret key and the vendor's token ----------------------------------------------------------
NEXT_SECRET = "the next secret key of this test 0123456789 0123456789"


@pytest.mark.parametrize(
    ("shown_by", "posted_to"),
    [
        (["old"], ["old", "new"]),  # the first step: every machine accepts the new key
        (["old", "new"], ["old"]),
        (["old", "new"], ["new", "old"]),  # the second step: machines change one after the other
        (["new", "old"], ["old", "new"]),
        (["new", "old"], ["new"]),  # the third step: the old key leaves
    ],
)
def test_form_typed_while_the_secret_key_is_replaced_is_not_lost(
    staff: User, settings: Settings, shown_by: list[str], posted_to: list[str]
) -> None:
    secrets = {"old": settings.SECRET_KEY, "new": NEXT_SECRET}

    def machine(first: str, *others: str) -> None:
        settings.SECRET_KEY = secrets[first]
        settings.SECRET_KEY_FALLBACKS = [secrets[one] for one in others]

    machine(*shown_by)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    form = browser.get("/consumers/new/").context
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    machine(*posted_to)
    values = {
        "entry_of": str(form["entry_of"]),
        "csrfmiddlewaretoken": str(form["csrf_token"]),
        "last_name": "Keptington",
        "emails-TOTAL_FORMS": "1",
        "emails-INITIAL_FORMS": "0",
    }
    page = browser.post("/consumers/new/", values)
    assert page.status_code == 200  # the form with its errors: the person is still signed in
    assert "Keptington" in page.content.decode()
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value == session
    visitor = Client()  # the session has ended while the form was open
    assert visitor.post("/consumers/new/", values).status_code == 302
    machine(*shown_by)
    visitor.post("/accounts/login/", {"login": staff.username, "password": PASSWORD})
    machine(*posted_to)
    assert "Keptington" in visitor.get("/consumers/new/").content.decode()


def test_two_tokens_of_the_api_overlap_so_machines_change_one_after_the_other(
    staff: User, settings: Settings, tmp_path: Any
) -> None:
    with SandboxServer(data=tmp_path / "tokens.sqlite3", api_token="first-token,second-token") as server:
        settings.CDP_BASE_URL = server.base_url
        for token, outcome in (
            ("first-token", Outcome.CREATED),
            ("second-token", Outcome.CREATED),
            ("third-token", Outcome.REJECTED),
        ):
            settings.CDP_API_TOKEN = token
            consumer = another()
            assert _submit(staff, consumer, get_client()).outcome == outcome
