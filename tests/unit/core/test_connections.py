"""The exceptions that mean a lost database."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.test import Client

from apps.accounts.models import Session, User
from apps.core.connections import is_database_unavailable
from tests.support.people import PASSWORD


def raised(error: Exception, first: Exception | None) -> Exception:
    """The exception with the context that Python sets if it was raised while handling the first one."""
    error.__context__ = first
    return error


@pytest.mark.parametrize("error", [OperationalError(), InterfaceError()])
def test_database_that_does_not_answer_is_lost(error: Exception) -> None:
    assert is_database_unavailable(error)


@pytest.mark.parametrize("kind", [UpdateError, SessionInterrupted, transaction.TransactionManagementError])
def test_djangos_wrapping_error_means_lost_only_if_caused_by_a_lost_database(kind: type[Exception]) -> None:
    assert is_database_unavailable(raised(kind(), OperationalError()))
    assert not is_database_unavailable(raised(kind(), DatabaseError()))
    assert not is_database_unavailable(raised(kind(), None))


def test_fault_while_handling_a_lost_database_is_a_fault() -> None:
    assert not is_database_unavailable(raised(KeyError(), OperationalError()))
    assert not is_database_unavailable(None)


def test_database_of_another_version_does_answer(db: None) -> None:
    with pytest.raises(DatabaseError) as raised_error, connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column FROM no_such_table")
    assert not is_database_unavailable(raised_error.value)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR])
def test_file_that_cannot_be_used_now_does_not_answer(code: int) -> None:
    of_driver = sqlite3.OperationalError()
    of_driver.sqlite_errorcode = code
    error = OperationalError()
    error.__cause__ = of_driver
    assert is_database_unavailable(error)


def test_query_after_a_lost_connection_in_a_transaction_is_lost_too(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise OperationalError

    @transaction.atomic
    def goes_on() -> None:
        try:
            with transaction.atomic(savepoint=False), connection.execute_wrapper(lost):
                Session.objects.count()
        except OperationalError:
            Session.objects.count()

    # Django remembers the error of an earlier transaction of the connection and names it as the cause.
    monkeypatch.setattr(connection, "rollback_exc", DatabaseError("of an earlier transaction"))
    with pytest.raises(transaction.TransactionManagementError) as raised_error:
        goes_on()
    assert is_database_unavailable(raised_error.value)


def test_sign_in_whose_session_cannot_be_written_is_reported_as_temporary(
    staff: User, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    save = Session.save

    def lost(session: Session, *, force_update: bool = False, **how: Any) -> None:
        if force_update:
            raise OperationalError
        save(session, force_update=force_update, **how)

    monkeypatch.setattr(Session, "save", lost)
    client.raise_request_exception = False
    answer = client.post("/accounts/login/", {"login": "sam", "password": PASSWORD})
    assert answer.status_code == 503
    assert "It cannot reach its database" in answer.content.decode()
