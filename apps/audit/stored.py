"""Reading the rows of the log as they are stored, past Django's conversions: for verifications and proofs.

In batches, so that a million rows take no more memory than a thousand and no reader holds a snapshot open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import OperationalError, connection

from apps.audit.walk import COLUMNS, SEQ, StoredRow

BATCH: Final = 5_000
"""Rows read at a time."""

_COLUMNS = ", ".join(COLUMNS)
_SELECTS = {
    "postgresql": f"SELECT {_COLUMNS} FROM audit_event",  # noqa: S608  # names of ours
    # The plus keeps Django from making a boolean of the stored number: a 2 would look like what was hashed.
    "sqlite": f"SELECT {_COLUMNS} FROM audit_event".replace("failure", "+failure"),  # noqa: S608
}


def read_head() -> tuple[int, str] | None:
    """Sequence and hash of the last row as the head row has them; None where there is no head row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, hash FROM audit_head WHERE id = 1")
        row: tuple[int, str] | None = cursor.fetchone()
        return row


def rows_after(seq: int | None, *, up_to: int | None = None) -> Iterator[list[StoredRow]]:
    """Every row behind a sequence (None: every row there is), in order, in batches."""
    while True:
        bounds = {"seq > %s": seq, "seq <= %s": up_to}
        given = {condition: bound for condition, bound in bounds.items() if bound is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        rows = _fetch(f"{where} ORDER BY seq LIMIT {BATCH}", [*given.values()])
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        seq = rows[-1][SEQ]


class Stored:
    """Rows of the database, for the diagnosis."""

    def at(self, seq: int) -> StoredRow | None:
        """The row that stands at the sequence."""
        return next(iter(_fetch(" WHERE seq = %s", [seq])), None)

    def after(self, hash_: str) -> list[StoredRow]:
        """The rows that name this hash as their previous one."""
        return _fetch(" WHERE previous_hash = %s LIMIT 10", [hash_])

    def last_sequence(self) -> int:
        """The highest sequence there is; 0 in an empty log."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(seq), 0) FROM audit_event")
            return int(cursor.fetchone()[0])


def _fetch(condition: str, values: list[int] | list[str]) -> list[StoredRow]:
    """The rows of a condition, even those whose text is none that a portal could have stored."""
    statement = _SELECTS[connection.vendor] + condition
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement, values)
            rows: list[StoredRow] = cursor.fetchall()
        except OperationalError as error:
            if connection.vendor != "sqlite" or "decode" not in str(error):
                raise
            # SQLite keeps any bytes as text. Such a row has to be told, not to end the verification.
            strict, connection.connection.text_factory = connection.connection.text_factory, _lenient
            try:
                cursor.execute(statement, values)
                rows = cursor.fetchall()
            finally:
                connection.connection.text_factory = strict
    return rows


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
