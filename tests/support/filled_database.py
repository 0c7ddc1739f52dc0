"""A full practice database: ``python -m tests.support.filled_database ROWS [CONSUMERS]``.

Fills ``DATABASE_URL``. The rows are spread evenly over the last three years: forty people (four of whom left
after the first third), nine of ten creates successful, a dozen submissions still unknown, and up to ten
thousand different consumers whose last names have a realistic, uneven distribution. Digests repeat with
the consumers; ciphertexts and references do not.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.core.management.color import no_style
from django.db import connection as default_connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Max

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.consumers.sending.digests import search_digests
from apps.core.encryption import encrypt
from apps.core.personal_data import label_of
from apps.history.models import ChangedMoment, PeriodTotals

YEARS = 3
PEOPLE, GONE = 40, 4
DIFFERENT = 10_000  # consumers at most
COMMONEST, SHARE_OF_COMMONEST = "Murphy", 0.02
STILL_UNKNOWN = 12
BATCH = 20_000
REJECTED = ("invalid", "invalid", "not_found", "unauthorized", "rate_limited")
STATUS = {"invalid": 400, "not_found": 404, "unauthorized": 401, "rate_limited": 429}
NOT_SENT = ("connect_timeout", "busy", "name_not_resolved", "connect_refused")
COLUMNS = [field.attname for field in Submission._meta.concrete_fields]
SENT = label_of(Submission, "encrypted_consumer")
CAME_BACK = label_of(Submission, "encrypted_answer")
API = "https://api-engage-eu.sitecorecloud.io/v2"


@dataclass(frozen=True, slots=True)
class Pooled:
    """A consumer that many rows share."""

    sent: str  # as JSON
    came_back: str  # as JSON
    digests: tuple[tuple[DigestKind, bytes], ...]


def fill(connection: BaseDatabaseWrapper, rows: int, different: int = DIFFERENT) -> None:
    """Add that many submissions with their digests, and their authors. The database has to be migrated.

    ``different``: consumers at most; each takes half a millisecond of processor time.

    Does not use the services or the audit log. Needs autocommit; rows are committed.
    """
    first = (Submission.objects.using(connection.alias).aggregate(last=Max("pk"))["last"] or 0) + 1
    chance = random.Random(first)  # later additions have other tokens
    people, pool = _people(connection), _pool(min(different, max(rows, 50)), chance)
    submissions = _Company(connection, people, pool, chance).submissions(rows, first)
    indexes = Submission._meta.indexes
    is_large = rows > BATCH  # only then is it worth that nobody else may have the file open
    if connection.vendor == "sqlite" and is_large:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=OFF")  # durability is not needed before all rows are written
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA ignore_check_constraints=ON")
            cursor.execute("PRAGMA cache_size=-400000")  # kB
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.remove_index(Submission, index)
    while batch := list(islice(submissions, BATCH)):
        _insert(connection, Submission, [columns for columns, _consumer in batch], COLUMNS)
        digests = [(columns[0], *digest) for columns, consumer in batch for digest in consumer.digests]
        _insert(connection, SubmissionDigest, digests, ("submission_id", "kind", "digest"))
    # Instead of a note for each row. The worker computes the totals again.
    PeriodTotals.objects.using(connection.alias).all().delete()
    ChangedMoment.objects.using(connection.alias).all().delete()
    with connection.schema_editor() as editor:
        for index in indexes:
            editor.add_index(Submission, index)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Submission, SubmissionDigest]):
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")  # autovacuum does this within a minute
        elif is_large:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA ignore_check_constraints=OFF")
            cursor.execute("PRAGMA cache_size=-2000")


def _people(connection: BaseDatabaseWrapper) -> list[tuple[int, str]]:
    names = [(f"bench-{number:02}", f"Person {number:02} of the house") for number in range(PEOPLE)]
    users = User.objects.using(connection.alias)
    known = {*users.values_list("username", flat=True)}
    users.bulk_create(User(username=user, name=name) for user, name in names if user not in known)
    return list(users.filter(username__startswith="bench-").order_by("username").values_list("pk", "name"))


def _pool(different: int, chance: random.Random) -> list[Pooled]:
    return [_pooled(number, number < different * SHARE_OF_COMMONEST, chance) for number in range(different)]


def _pooled(number: int, common: bool, chance: random.Random) -> Pooled:
    last_name = COMMONEST if common else f"Name-{int(number**0.75)}"
    id_ = f"{number:06}"
    given = NewConsumer(
        title=chance.choice(("", "Mr", "Mrs", "Ms", "Dr")),
        first_name=chance.choice(("Aoife", "Seán", "María José", "Zoë", "Jürgen", "Nguyễn")),
        last_name=last_name,
        gender=chance.choice(("", "male", "female", "unknown")),
        date_of_birth=dt.date(1940, 1, 1) + dt.timedelta(days=chance.randrange(25_000)),
        emails=(f"person.{id_}@example.com",) if chance.random() < 0.8 else (),
        phone_numbers=(f"+35385{number:07}",) if chance.random() < 0.6 else (),
        nationality=chance.choice(("", "Irish", "German")),
        passport_number=f"PX{number:07}" if chance.random() < 0.5 else "",
        country=chance.choice(("", "IE", "DE")),
        identifiers=(Identifier("ProfileSystem", f"P-{id_}"),) if chance.random() < 0.6 else (),
    )
    ref = str(_uuid(chance))
    answer = OrderConsumer(
        ref=ref,
        href=f"{API}/orderConsumers/{ref}",
        title=given.title,
        first_name=given.first_name,
        last_name=given.last_name,
        gender=given.gender,
        date_of_birth=given.date_of_birth,
        emails=given.emails,
        phone_numbers=given.phone_numbers,
        nationality=given.nationality,
        passport_number=given.passport_number,
        country=given.country,
        order_href=f"{API}/orders/{ref}",
        guest_href=f"{API}/guests/{ref}",
        guest_ref=ref,
        identifiers=given.identifiers,
    )
    return Pooled(_json(given), _json(answer), tuple(sorted(search_digests(given))))


def _json(consumer: NewConsumer | OrderConsumer) -> str:
    return json.dumps(consumer.to_json(), ensure_ascii=False)


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)


def _outcomes(rows: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Outcome and error code of each row; the unknown ones are among the last."""
    unknown = {*range(rows - 1, max(rows - 1 - 7 * STILL_UNKNOWN, 0), -7)}
    for number in range(rows):
        drawn = chance.random()
        if number in unknown:
            yield "unknown", "read_timeout"
        elif drawn < 0.90:
            yield "created", ""
        elif drawn < 0.96:
            yield "rejected", chance.choice(REJECTED)
        elif drawn < 0.995:
            yield "not_sent", chance.choice(NOT_SENT)
        else:
            yield "not_created", "read_timeout"


@dataclass
class _Company:
    """The company: its staff, its consumers, and the outcomes of its submissions."""

    connection: BaseDatabaseWrapper
    people: Sequence[tuple[int, str]]
    pool: Sequence[Pooled]
    chance: random.Random
    order: str = ""
    guest: str = ""

    def submissions(self, rows: int, first: int) -> Iterator[tuple[tuple[Any, ...], Pooled]]:
        """The columns of each row, key first, and its consumer; oldest first."""
        fields = Submission._meta.concrete_fields
        plain = {
            field.attname: field.get_db_prep_save(field.get_default(), self.connection) for field in fields
        }
        plain |= dict.fromkeys(("matching_refs", "different_refs", "unread_refs"), "[]")
        place = {name: index for index, name in enumerate(plain)}
        step = dt.timedelta(days=365 * YEARS) / max(rows, 1)
        begin = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(days=365 * YEARS)
        for number, (outcome, code) in enumerate(_outcomes(rows, self.chance)):
            # The lower the number, the more rows the person has; those who left have the highest numbers.
            here = PEOPLE if number < rows / 3 else PEOPLE - GONE
            person = self.people[int(here * self.chance.random() ** 1.5)]
            consumer = self.pool[int(len(self.pool) * self.chance.random())]
            submitted = begin + step * (number + self.chance.random())
            columns = list(plain.values())
            for name, value in self._outcome_columns(outcome, code, submitted, person, consumer).items():
                columns[place[name]] = value
            columns[0] = first + number
            yield tuple(columns), consumer

    def _outcome_columns(
        self, outcome: str, code: str, submitted: dt.datetime, person: tuple[int, str], consumer: Pooled
    ) -> dict[str, Any]:
        chance, stored = self.chance, self._stored
        duration = int(80 + 400 * chance.random() ** 4 + (15_000 if code == "read_timeout" else 0))
        finished = stored(submitted + dt.timedelta(milliseconds=duration))
        if not self.order or chance.random() < 0.7:
            self.order = str(_uuid(chance))
        owner = _uuid(chance).hex
        values: dict[str, Any] = {
            "public_id": owner,
            "token": _uuid(chance).hex,
            "content_digest": chance.randbytes(32),
            "order_ref": self.order,
            "actor_id": person[0],
            "actor_name": person[1],
            "outcome": outcome,
            "submitted_at": stored(submitted),
            "deadline": stored(submitted + dt.timedelta(seconds=30)),
            "finished_at": finished,
            "encrypted_consumer": encrypt(consumer.sent, SENT, owner),
            "error_code": code,
            "duration_ms": None if outcome == "not_sent" else duration,
            "http_status": STATUS.get(code),
        }
        if outcome == "created":
            values |= self._created(consumer, owner)
        if outcome == "not_created":
            values |= {"resolved_how": "by_supervisor", "resolved_at": finished, "resolved_by_id": person[0]}
            values |= {"resolved_by_name": person[1], "resolution_reason": "not_seen_in_cdp"}
        return values

    def _stored(self, moment: dt.datetime) -> str:
        """A moment in UTC as the database stores it. Django's own conversion takes eight times as long."""
        return f"{moment}+00" if self.connection.vendor == "postgresql" else str(moment)

    def _created(self, consumer: Pooled, owner: str) -> dict[str, Any]:
        ref = str(_uuid(self.chance))
        if not self.guest or self.chance.random() < 0.5:
            self.guest = str(_uuid(self.chance))
        return {
            "consumer_ref": ref,
            "guest_ref": self.guest,
            "consumer_href": f"{API}/orderConsumers/{ref}",
            "order_href": f"{API}/orders/{self.order}",
            "guest_href": f"{API}/guests/{self.guest}",
            "encrypted_answer": encrypt(consumer.came_back, CAME_BACK, owner),
            "http_status": 200,
        }


def _insert(
    connection: BaseDatabaseWrapper,
    model: type[Submission] | type[SubmissionDigest],
    rows: Sequence[Sequence[Any]],
    columns: Sequence[str],
) -> None:
    names = ", ".join(columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(rows[0]))
            cursor.execute("BEGIN")
            cursor.cursor.connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
            cursor.execute("COMMIT")


if __name__ == "__main__":
    began = time.monotonic()
    fill(default_connection, *map(int, sys.argv[1:]))
    print(f"{sys.argv[1]} submissions in {time.monotonic() - began:.0f} s")
