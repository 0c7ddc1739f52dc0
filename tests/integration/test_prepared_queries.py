"""Prepared queries return what the ORM returns, for values of every kind, in every thread."""

from __future__ import annotations

import datetime as dt
import gc
import uuid
from collections.abc import Callable
from decimal import Decimal
from threading import Thread
from typing import Any
from weakref import ReferenceType, ref

import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.core import clock
from apps.core.connections import statements_prepared
from apps.core.prepared_queries import PreparedQuery
from tests.support.history_rows import bare

pytestmark = pytest.mark.django_db


@pytest.fixture
def submissions() -> list[Submission]:
    """Three created submissions, as they are stored."""
    person, at = User.objects.create(username="pat", name="Pat"), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    Submission.objects.bulk_create(bare(person, Outcome.CREATED, at) for _ in range(3))
    return [*Submission.objects.order_by("pk")]


def test_rows_of_values_of_every_kind(submissions: list[Submission]) -> None:
    one, other, _third = submissions
    query: PreparedQuery[Submission] = PreparedQuery(
        lambda token, digests, since, pk, ref: Submission.objects.filter(
            Q(token=token) | Q(content_digest__in=digests), submitted_at__gte=since, pk=pk, order_ref=ref
        )
    )
    unused, long_ago = uuid.uuid4(), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for digests in [(bytes(one.content_digest),), (b"1" * 32, bytes(one.content_digest)), (b"1", b"2", b"3")]:
        expected = [one] if bytes(one.content_digest) in digests else []
        assert query(unused, digests, long_ago, one.pk, one.order_ref) == expected
        assert query(other.token, digests, long_ago, other.pk, other.order_ref) == [other]
    assert (
        query(one.token, (b"1" * 32,), one.submitted_at + dt.timedelta(days=1), one.pk, one.order_ref) == []
    )
    [found] = query(one.token, (b"1" * 32,), one.submitted_at, one.pk, one.order_ref)
    assert {field.attname: getattr(found, field.attname) for field in Submission._meta.fields} == {
        field.attname: getattr(one, field.attname) for field in Submission._meta.fields
    }


def test_columns_constants_and_order_are_those_of_the_query(submissions: list[Submission]) -> None:
    refs = [one.order_ref for one in submissions]
    query: PreparedQuery[tuple[str, str]] = PreparedQuery(
        lambda ref: (
            Submission.objects.exclude(order_ref=ref)
            .filter(outcome=Outcome.CREATED)
            .order_by("-pk")
            .values_list("order_ref", "outcome")
        )
    )
    pairs = [(ref, "created") for ref in reversed(refs)]
    assert query("no order") == pairs
    assert query(refs[1]) == [pair for pair in pairs if pair[0] != refs[1]]
    assert query.first(refs[2]) == pairs[1]
    assert (
        PreparedQuery(lambda: Submission.objects.order_by("pk").values_list("order_ref", flat=True))() == refs
    )
    assert PreparedQuery(lambda pk: Submission.objects.filter(pk=pk)).first(0) is None


def test_query_that_changes_its_value_or_does_not_use_it_is_refused() -> None:
    lowered = PreparedQuery(
        lambda ref: Submission.objects.alias(key=Lower("order_ref")).filter(key=ref.lower())
    )
    with pytest.raises(ValueError, match="changes a value"):
        lowered("ABC")
    with pytest.raises(ValueError, match="does not use it"):
        PreparedQuery(lambda ref: Submission.objects.all())("ABC")


def test_query_that_finds_nothing_by_its_conditions(submissions: list[Submission]) -> None:
    query: PreparedQuery[Submission] = PreparedQuery(
        lambda refs: Submission.objects.filter(order_ref__in=refs)
    )
    refs = submissions[0].order_ref, submissions[1].order_ref
    for _again in range(2):
        assert query(()) == []
        assert query.first(()) is None
        assert len(query(refs)) == 2


@pytest.mark.parametrize(
    ("build", "part"),
    [
        (lambda rows: rows.prefetch_related("notes"), "prefetch_related"),
        (lambda rows: rows.select_for_update(), "select_for_update"),
        (lambda rows: rows.using("default"), "using"),
        (lambda rows: rows.values_list("pk").distinct().order_by("token"), "further columns"),
    ],
)
def test_part_of_a_query_that_would_be_lost_is_refused(
    build: Callable[[QuerySet[Submission]], QuerySet[Any]], part: str, submissions: list[Submission]
) -> None:
    query = PreparedQuery(lambda ref: build(Submission.objects.filter(order_ref=ref)))
    for _again in range(2):
        with pytest.raises(ValueError, match=f"cannot have {part}"):
            query(submissions[0].order_ref)


def test_value_of_another_kind_is_refused() -> None:
    query: Any = PreparedQuery(lambda ref: Submission.objects.filter(order_ref=ref))
    among: Any = PreparedQuery(lambda refs: Submission.objects.filter(order_ref__in=refs))
    assert query("ABC") == among(("ABC",)) == []
    with pytest.raises(ValueError, match="value of NoneType"):
        query(None)
    with pytest.raises(ValueError, match="value of NoneType"):
        among(("ABC", None))
    with pytest.raises(ValueError, match="value of Decimal"):
        query(Decimal(1))


@pytest.mark.django_db(transaction=True)
def test_connection_of_a_thread_that_has_ended_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "measure_if_due", lambda _connection: False)  # the mock of all tests keeps it
    query: PreparedQuery[User] = PreparedQuery(lambda name: User.objects.filter(username=name))
    kept: list[ReferenceType[BaseDatabaseWrapper]] = []

    def read() -> None:
        assert query("pat") == []
        kept.append(ref(connections[DEFAULT_DB_ALIAS]))
        connections.close_all()

    thread = Thread(target=read)
    thread.start()
    thread.join()
    gc.collect()
    assert [one() for one in kept] == [None]
    person = User.objects.create(username="pat", name="Pat")
    [found] = query("pat")
    assert (found, found.is_active, found.date_joined) == (person, True, person.date_joined)


@pytest.mark.django_db(transaction=True)
def test_each_thread_uses_its_own_connection() -> None:
    User.objects.create(username="pat", name="Pat")
    query: PreparedQuery[str] = PreparedQuery(
        lambda name: User.objects.filter(username=name).values_list("name", flat=True)
    )
    found: list[list[str]] = [query("pat")]

    def read() -> None:
        found.append(query("pat"))
        connections.close_all()

    thread = Thread(target=read)
    thread.start()
    thread.join()
    assert found == [["Pat"], ["Pat"]]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans fast")
def test_statements_are_prepared_within_the_block_only() -> None:
    query: PreparedQuery[User] = PreparedQuery(
        lambda name: User.objects.filter(username=name).order_by("failed_sign_ins", "last_login")
    )

    def is_prepared(part: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements")
            return any(part in text for (text,) in cursor.fetchall())

    def sums() -> list[int]:
        with connection.cursor() as cursor:
            return [
                cursor.execute("SELECT %s + 1 AS prepared_here", [number]).fetchone()[0] for number in (1, 2)
            ]

    assert sums() == [2, 3]
    assert not is_prepared("prepared_here")
    assert "prepared_here" not in str(connection.connection._prepared._counts)  # nor kept, with its values
    with statements_prepared():
        assert sums() == [2, 3]
    assert is_prepared("prepared_here")
    for name in ("pat", "robin"):
        query(name)
    assert is_prepared('ORDER BY "accounts_user"."failed_sign_ins" ASC, "accounts_user"."last_login"')
