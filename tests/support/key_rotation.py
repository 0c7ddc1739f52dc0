"""Replacing keys in tests: the next keys, machines that have them, and what they store meanwhile."""

from __future__ import annotations

import base64
import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import MagicMock, create_autospec

from django.db import OperationalError, connection
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.client import CdpClient
from apps.cdp.consumers import NewConsumer
from apps.cdp.errors import CdpTimeout
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.consumers.searches import Search
from apps.consumers.sending import submit as submitting
from apps.consumers.sending.digests import search_digests_of_value
from apps.consumers.viewer import UNRESTRICTED
from apps.core import key_fingerprints, keys_in_use
from apps.core.actor import Actor
from apps.core.models import KeyRewriting
from apps.history.selection import Selection, SubmissionFilter
from consumerportal import key_rewriting
from consumerportal.keys import register_keys
from sandbox.data.seed import SAMPLE_ORDER
from tests.support.keys import new_encryption_key
from tests.support.people import acting
from tests.support.waiting import wait_until

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


def with_next_key(settings: Settings, name: str) -> tuple[str, str]:
    """Register the next key of a setting; returns the labels of the former, still in use, and of the next."""
    setattr(settings, name, [*getattr(settings, name), NEW_KEYS[name]])
    register_keys(ACTOR)
    kind = KINDS[name]
    former, following = (key_fingerprints.label_of(kind.name, one) for one in kind.fingerprints())
    return former, following


def silent() -> MagicMock:
    """A client whose creates are never answered."""
    client: MagicMock = create_autospec(CdpClient, instance=True, spec_set=True)
    client.create_order_consumer.side_effect = CdpTimeout
    return client


def submit(person: User, consumer: NewConsumer, client: Any = None, **given: Any) -> Submission:
    """Create a consumer as the person; without a client, the outcome stays unknown."""
    values: dict[str, Any] = {"order_ref": SAMPLE_ORDER, "token": uuid.uuid4(), **given}
    return submitting.submit(consumer=consumer, actor=acting(person), client=client or silent(), **values)


def rewrite_all() -> int:
    """Write every row again that is due; returns how many."""
    return key_rewriting.rewrite_due(ACTOR, after=dt.timedelta(), stop=threading.Event())


def found_by(kind: DigestKind, value: str) -> list[int]:
    """The submissions that a search for this value finds."""
    asked = SubmissionFilter(search=Search(uuid.uuid4(), ((kind, search_digests_of_value(kind, value)),)))
    return sorted(Selection(asked, UNRESTRICTED).submissions().values_list("pk", flat=True))


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


def begun_on_submissions(label: str) -> KeyRewriting:
    """The progress of submissions, begun; other models have no rows."""
    while True:
        one = key_rewriting._next(dt.timedelta())
        assert one is not None, label
        if one.model == Submission._meta.label:
            return one
        key_rewriting._rewrite_next_rows(one, ACTOR)


def stored_values() -> list[Any]:
    """What is stored of submissions under keys."""
    rows = Submission.objects.order_by("pk").values_list("encrypted_consumer", "content_digest")
    return [*rows, *SubmissionDigest.objects.order_by("pk").values_list("kind", "digest", "submission")]


def fail(*_arguments: object) -> None:
    """A database that does not answer, for ``connection.execute_wrapper``."""
    raise OperationalError


def wait_until_one_waits() -> None:
    """Return when another connection to PostgreSQL waits for a lock."""

    def one_waits() -> int:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        wait_until(one_waits, BOUND, "somebody waits for the lock")
