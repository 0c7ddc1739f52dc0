"""The proof while it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from apps.audit.integrity import stored_rows
from apps.audit.integrity.proof import bundle as making
from apps.audit.integrity.proof.bundle import bundle
from apps.audit.integrity.signing import sign_checkpoint
from apps.core.connections import release_database_connections
from tests.support.audit_logs import SIGNER, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("events", [0, 5])
def test_a_slow_reader_of_the_proof_holds_no_database_connection(
    monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    write(events)
    if events:
        sign_checkpoint(SIGNER)
    monkeypatch.setattr(stored_rows, "BATCH", 2)
    held: list[str] = []  # what was asked since the connections were given back

    def ask(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        held.append(sql)
        return execute(sql, *rest)

    def release() -> None:
        release_database_connections()
        held.clear()

    monkeypatch.setattr(making, "release_database_connections", release, raising=False)
    parts = 0
    with connection.execute_wrapper(ask):
        for _part in bundle():
            parts += 1
            assert held == []
    assert parts > 2


def test_within_a_transaction_no_proof_is_made() -> None:
    with transaction.atomic(), pytest.raises(transaction.TransactionManagementError):
        list(bundle())
