"""Locks by name, for rules about several rows that no constraint can express."""

from __future__ import annotations

import hashlib

from django.db import connection
from django.db.transaction import TransactionManagementError

from apps.core.connections import statements_prepared
from apps.core.references import reference_key


def hold(name: str) -> None:
    """Wait until no other transaction holds this name, and hold it until the current transaction ends.

    Does nothing on SQLite, where a transaction is the only writer from its beginning. Rows that a holder may
    wait for are locked after it. Raises ``TransactionManagementError`` outside a transaction, where it would
    end at once.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("A name is held by a transaction")
    if connection.vendor != "postgresql":
        return
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with statements_prepared(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def hold_reference(reference: str) -> None:
    """Hold a consumer reference, in any spelling, as :func:`hold` does.

    Taken before it is checked that no other submission has the reference.
    """
    hold(f"reference {reference_key(reference)}")


def hold_order(order_ref: str) -> None:
    """Hold an order, in any spelling, as :func:`hold` does.

    Taken before an entry is compared with the submissions to the order: one of another transaction that is
    not committed yet could not be compared.
    """
    hold(f"order {reference_key(order_ref)}")
