"""A large audit log with a valid chain, as a portal with many users would have written it."""

from __future__ import annotations

import hashlib
import os
import random
import uuid
from collections.abc import Iterator
from typing import Any, Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.conf import settings
from django.db import connection, transaction

from apps.accounts.audit_events import PERSON_PASSWORD_SET, SESSION_SIGNED_IN
from apps.audit.chain import FORMAT, GENESIS, canonical_json
from apps.audit.integrity import checkpoints
from apps.audit.integrity.bulk_hashing import COLUMNS_AND_MAC, canonical_text
from apps.audit.integrity.checkpoints import Beginning, Checkpoint
from apps.audit.macs import mac_keys
from apps.audit.models import AuditEvent
from apps.audit.registry import EventType
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_REJECTED,
    SUBMISSION_VIEWED,
    SUBMISSIONS_LISTED,
)
from tests.support.audit_flush import lift_triggers

START: Final = 1_735_689_600_000_000
"""Microseconds since 1970 at the beginning of the log (2025-01-01)."""
EVERY: Final = 3_000_000
"""Microseconds between two events: a million of them are five weeks of a busy portal."""
PEOPLE: Final = 40
HEAVY_ORDER: Final = "9f0c1f52-5a55-4f0e-8a3f-0000000000ff"
"""The order of a large group, in every twentieth submission."""
LEFT: Final = 99
"""The id of a person who acts only in the first hundredth of the log."""

Stored = tuple[Any, ...]


def fill(count: int) -> None:
    """Fill the log with that many events and a checkpoint over the last one; it verifies as unchanged."""
    settings.AUDIT_CHECKPOINT_FILE.unlink(missing_ok=True)
    last: list[Stored] = []
    with lift_triggers(connection), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM audit_event")
        indexes = _without_indexes()
        _write(_noting_the_last(rows(count), last))
        with connection.cursor() as cursor:
            for statement in indexes:
                cursor.execute(statement)
            seq, time, own_hash = (last[0][COLUMNS_AND_MAC.index(name)] for name in ("seq", "time", "hash"))
            cursor.execute("DELETE FROM audit_head")
            cursor.execute(
                "INSERT INTO audit_head (id, seq, time, hash) VALUES (1, %s, %s, %s)", (seq, time, own_hash)
            )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE audit_event")  # autovacuum does this within a minute
    key = checkpoints.signing_key(settings.AUDIT_SIGNING_KEY)
    unsigned = Checkpoint(seq, own_hash, time, *Beginning(), checkpoints.key_id(key.public_key()), "", "")
    checkpoints.append(settings.AUDIT_CHECKPOINT_FILE, unsigned.signed_with(key))


def rows(count: int) -> Iterator[Stored]:
    """The events as stored, each chained to the previous one, with its MAC. Deterministic."""
    keys = mac_keys(settings.AUDIT_MAC_KEYS)
    link, chance = GENESIS, random.Random(5)
    for seq, facts in zip(range(1, count + 1), _facts(chance, count), strict=False):
        row = (seq, FORMAT, START + seq * EVERY, *facts, link)
        digest = hashlib.sha256(bytes.fromhex(link) + canonical_text((*row, "")).encode())
        link = digest.hexdigest()
        yield (*row, link, *keys.values_for(link))


def _facts(chance: random.Random, count: int) -> Iterator[tuple[Any, ...]]:
    """The facts of one submission after the other: five events each, occasionally others."""
    submissions = 0
    while True:
        submissions += 1
        gone = submissions * 5 < count // 100
        person = LEFT if gone else min(int(chance.expovariate(0.15)), PEOPLE - 1)
        order = HEAVY_ORDER if submissions % 20 == 0 else _uuid(chance)
        submission, consumer, guest = _uuid(chance), _uuid(chance), _uuid(chance)
        sign_in = session_of(submissions)
        person_facts = _person(person, sign_in, _uuid(chance), chance)
        about = (submission, order)
        answer: dict[str, Any] = {"http_status": 200, "duration_ms": chance.randrange(80, 900)}
        fields = ["firstName", "lastName", "dateOfBirth", "emails", "nationality"]
        yield _event(CONSUMER_CREATE_REQUESTED, person_facts, (*about, None, None), {"fields": fields})
        if chance.random() < 0.06:
            failed = {**answer, "http_status": 400, "error_code": "invalid"}
            yield _event(CONSUMER_REJECTED, person_facts, (*about, None, None), failed)
        else:
            yield _event(CONSUMER_CREATED, person_facts, (*about, consumer, guest), answer)
        person_facts = _person(person, sign_in, _uuid(chance), chance)
        seen = (*about, consumer, guest)
        yield _event(SUBMISSION_VIEWED, person_facts, seen, {})
        nothing = (None, None, None, None)
        first = max(submissions - 49, 1)
        shown = {"first": first, "last": submissions, "rows": [f"{first}-{submissions}"]}
        yield _event(SUBMISSIONS_LISTED, person_facts, nothing, {"count": 50, "scope": "everybody", **shown})
        if submissions % 10 == 0:
            yield _event(SESSION_SIGNED_IN, person_facts, nothing, {}, person=str(person))
        if submissions % 500 == 0:
            facts = {"username": f"p{person}"}
            yield _event(PERSON_PASSWORD_SET, person_facts, nothing, facts, person=str(person))


def session_of(submission: int) -> str:
    """The id of the session of a submission, counted from 1; ten submissions share one."""
    return str(uuid.UUID(int=submission // 10, version=4))


def _person(number: int, sign_in: str, request_id: str, chance: random.Random) -> tuple[Any, ...]:
    address = f"192.0.2.{min(int(chance.expovariate(0.05)), 254)}"
    return (str(number), f"Person Number {number}", "staff", sign_in, request_id, "10.0.0.1", address)


def _event(
    action: EventType,
    person_facts: tuple[Any, ...],
    about: tuple[str | None, ...],
    data: dict[str, Any],
    person: str | None = None,
) -> tuple[Any, ...]:
    return (action.name, action.failure, *person_facts, *about, person, canonical_json(data))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _noting_the_last(events: Iterator[Stored], last: list[Stored]) -> Iterator[Stored]:
    row: Stored = ()
    for row in events:
        yield row
    last.append(row)


def _without_indexes() -> list[str]:
    """Drop the indexes, which make filling five times slower; returns the statements that recreate them."""
    names = [index.name for index in AuditEvent._meta.indexes]
    table = "sqlite_master" if connection.vendor == "sqlite" else "pg_indexes"
    columns = "name, sql" if connection.vendor == "sqlite" else "indexname, indexdef"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table}")
        made = {name: statement for name, statement in cursor.fetchall() if name in names}
        for name in made:
            cursor.execute(f"DROP INDEX {name}")
    return [*made.values()]


def _write(events: Iterator[Stored]) -> None:
    columns = ", ".join(COLUMNS_AND_MAC)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY audit_event ({columns}) FROM STDIN") as copy:
                for row in events:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(COLUMNS_AND_MAC))
            statement = f"INSERT INTO audit_event ({columns}) VALUES ({marks})"
            connection.connection.executemany(statement, events)
