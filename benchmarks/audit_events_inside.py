"""Record events one after the other, for audit_events.py: ``python -m benchmarks.audit_events_inside``.

Prints the seconds of each transaction as JSON, by logging method and number of threads.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.audit_site.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.db import connection, transaction

from apps.audit.events import Event
from apps.audit.integrity.bulk_hashing import COLUMNS_AND_MAC
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.consumers.audit_events import CONSUMER_CREATED
from apps.core.actor import Actor, Origin
from benchmarks.audit_events import ALONE
from benchmarks.audit_site.models import Fact, FactOfAuditlog, FactOfEasyAudit, _Fact

THREADS = (1, 8)
WARM_UP = 20  # of each thread
COUNT = int(os.environ.get("BENCH_EVENTS", "800"))  # of all threads together
BARE, OURS, AUDITLOG, EASY_AUDIT = (
    "bare INSERT of the same row",
    "audit.recording.record",
    "django-auditlog",
    "django-easy-audit",
)
LOGS = {OURS: AuditEvent._meta.db_table, AUDITLOG: "auditlog_logentry", EASY_AUDIT: "easyaudit_crudevent"}
_INSERT = "INSERT INTO bare_event ({}) VALUES ({})".format(
    ", ".join(COLUMNS_AND_MAC), ", ".join(["%s"] * len(COLUMNS_AND_MAC))
)
SESSION = str(uuid.uuid4())
_sequence = itertools.count(1)


def make(model: type[_Fact]) -> _Fact:
    """Store a fact in its table."""
    fact = model(
        order_ref=str(uuid.uuid4()), consumer_ref=str(uuid.uuid4()), outcome="created", http_status=200
    )
    fact.save(force_insert=True)
    return fact


def actor() -> Actor:
    """An actor with a session and an address."""
    origin = Origin(str(uuid.uuid4()), peer_address="10.0.0.1", client_address="192.0.2.7")
    return Actor("17", "Anna Keller", ("staff", "supervisor"), origin, SESSION)


def record_fact() -> None:
    """Record the fact with the portal's audit log."""
    with transaction.atomic():
        fact = make(Fact)
        facts = {"http_status": fact.http_status, "duration_ms": 321}
        record(
            Event(
                CONSUMER_CREATED,
                actor(),
                submission=str(uuid.uuid4()),
                order_ref=fact.order_ref,
                consumer_ref=fact.consumer_ref,
                guest_ref=str(uuid.uuid4()),
                data=facts,
            )
        )


def insert_row() -> None:
    """Insert the same row without chain, triggers and indexes: the minimum cost of storing it."""
    with transaction.atomic():
        fact = make(Fact)
        data = '{"duration_ms":321,"http_status":200}'
        who = ("17", "Anna Keller", "staff,supervisor", SESSION, str(uuid.uuid4()), "10.0.0.1", "192.0.2.7")
        about = (str(uuid.uuid4()), fact.order_ref, fact.consumer_ref, str(uuid.uuid4()), None)
        row = (next(_sequence), 1, time.time_ns() // 1000, "consumer.created", False, *who, *about, data)
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, (*row, "0" * 64, uuid.uuid4().hex * 2, "0" * 16, "0" * 64))


def fact_of(model: type[_Fact]) -> Callable[[], None]:
    """Store the fact in a transaction; the package that watches its model logs it."""

    def act() -> None:
        with transaction.atomic():
            make(model)

    return act


WAYS: dict[str, Callable[[], None]] = {
    ALONE: fact_of(Fact),
    BARE: insert_row,
    OURS: record_fact,
    AUDITLOG: fact_of(FactOfAuditlog),
    EASY_AUDIT: fact_of(FactOfEasyAudit),
}


def measured(act: Callable[[], None], threads: int) -> tuple[list[float], float]:
    """The seconds of each of ``COUNT`` acts by that many threads, and of all of them together."""
    ready = threading.Barrier(threads + 1)

    def work() -> list[float]:
        try:
            for _ in range(WARM_UP):
                act()
            ready.wait()
            seconds = []
            for _ in range(COUNT // threads):
                began = time.perf_counter()
                act()
                seconds.append(time.perf_counter() - began)
            return seconds
        except BaseException:
            ready.abort()
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(work) for _ in range(threads)]
        ready.wait()
        began = time.perf_counter()
        seconds = [one for worker in workers for one in worker.result()]
        return seconds, time.perf_counter() - began


def statements(act: Callable[[], None]) -> int:
    """The number of statements of the act, without BEGIN, COMMIT and savepoints."""
    count = 0

    def counted(execute: Callable[..., object], sql: str, *rest: object) -> object:
        nonlocal count
        count += not sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE"))
        return execute(sql, *rest)

    with connection.execute_wrapper(counted):
        act()
    return count


def logged_rows(way: str) -> int:
    """The number of rows that the method has added to its log."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {LOGS.get(way, 'bare_event')}")
        return int(cursor.fetchone()[0])


def main() -> None:
    """Measure every method, with one thread and with several."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_event AS SELECT * FROM audit_event WHERE seq < 0")
        cursor.execute("CREATE UNIQUE INDEX bare_event_seq ON bare_event (seq)")
    found = []
    for way, act in WAYS.items():
        act()
        number = statements(act)
        for threads in THREADS:
            before = logged_rows(way)
            seconds, elapsed = measured(act, threads)
            expected = COUNT // threads * threads + WARM_UP * threads
            if way != ALONE and logged_rows(way) - before != expected:
                raise SystemExit(f"{way} has logged {logged_rows(way) - before} of {expected} facts")
            found.append([way, threads, number, seconds, elapsed])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
