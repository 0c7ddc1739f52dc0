"""Read the rows of the log as stored, without Django's conversions, for verifications and proofs.

Rows are read in batches, so that memory is constant and no snapshot stays open. For a long verification, a
thread with its own connections reads ahead: while one batch is hashed, the database works on the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from django.db import DatabaseError, OperationalError, connection

from apps.audit.chain import FORMAT
from apps.audit.integrity.bulk_hashing import COLUMNS, COLUMNS_AND_MAC, SEQ, Rows, StoredRow, Texts
from apps.core import clock

BATCH: Final = 5_000
"""Rows per query."""

AT_ONCE: Final = 500
"""Rows per query by their sequence numbers: SQLite allows 999 parameters before version 3.32."""

AHEAD: Final = 10_000
"""Rows per query when reading ahead."""


def read_head() -> tuple[int, str] | None:
    """Sequence number and hash in the head row; None if there is no head row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, hash FROM audit_head WHERE id = 1")
        row: tuple[int, str] | None = cursor.fetchone()
        return row


def accepts_events() -> bool:
    """Whether the head row matches the last row and is not in the future. If not, every event is refused."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit_head AS head"
            " WHERE EXISTS (SELECT 1 FROM audit_event AS event WHERE event.seq > head.seq)"
            " OR (head.seq > 0 AND NOT EXISTS (SELECT 1 FROM audit_event AS event"
            " WHERE event.seq = head.seq AND event.hash = head.hash"
            " AND (event.time = head.time OR head.time <= %s)))",
            [clock.microseconds()],
        )
        return bool(cursor.fetchone() == (0,))


def rows_after(
    seq: int | None, *, up_to: int | None = None, columns: Sequence[str] = COLUMNS
) -> Iterator[list[StoredRow]]:
    """The rows after a sequence number (None: all rows), in order, in batches."""
    while True:
        rows = _fetch(*_where(seq, up_to, limit=BATCH), columns)
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        seq = rows[-1][SEQ]


def rows_at(sequences: Iterable[int]) -> Iterator[list[StoredRow]]:
    """The rows with these sequence numbers, which must ascend, in batches. A missing row is skipped."""
    remaining = iter(sequences)
    while chosen := list(islice(remaining, AT_ONCE)):
        placeholders = ", ".join(["%s"] * len(chosen))
        yield _fetch(f" WHERE seq IN ({placeholders}) ORDER BY seq", chosen)


def _where(after: int | None, up_to: int | None, *, limit: int = 0) -> tuple[str, list[int]]:
    bounds = {"seq > %s": after, "seq <= %s": up_to}
    given = {condition: bound for condition, bound in bounds.items() if bound is not None}
    condition = f" WHERE {' AND '.join(given)}" if given else ""
    return condition + (f" ORDER BY seq LIMIT {limit}" if limit else ""), [*given.values()]


# SQLite builds the same JSON as apps.audit.chain (a test compares them) for a whole batch in one text, faster
# than 19 values per row. The order must be by sequence number; if it ever differs, the batch is read row by
# row. PostgreSQL takes longer to build JSON than to send values.
_FIELDS = ", ".join(
    f"'{name}', {name}"
    if name != "failure"
    else "'failure', json(CASE failure WHEN 0 THEN 'false' WHEN 1 THEN 'true' END)"
    for name in sorted(set(COLUMNS) - {"previous_hash", "hash"})
)
# From SQLite 3.45 on, json_object decodes a blob that happens to be valid binary JSON, so blobs are excluded.
_TYPES = " AND ".join(
    f"typeof({name}) = '{'integer' if name == 'seq' else 'text'}'"
    if name in ("seq", "hash", "previous_hash")
    else f"typeof({name}) <> 'blob'"
    for name in COLUMNS_AND_MAC
)
_SELECT_TEXTS = f"""
    SELECT min(format IS {FORMAT} AND {_TYPES}),
           group_concat(seq), group_concat(previous_hash), group_concat(hash),
           group_concat(mac_key), group_concat(mac),
           CAST(group_concat(json_object({_FIELDS}), char(10)) AS BLOB)
      FROM audit_event"""  # noqa: S608  # constant names


def batches_ahead(
    begin: int | None, first: int, last: int
) -> Generator[tuple[int, Rows | Texts | None], None, None]:
    """The rows after ``begin`` (None: from the lowest) up to ``last``, read ahead by another thread.

    Yields each batch with its last sequence number; the first batch starts at ``first``. A batch is None if
    the database cannot return it as one text. Only committed rows are included. Raises the database's errors.
    Close the generator if it is not exhausted.
    """
    ends = range(first + AHEAD - 1, last + AHEAD, AHEAD)  # no list: an altered head can have any number
    spans = ((begin if end == ends[0] else end - AHEAD, min(end, last)) for end in ends)
    with ThreadPoolExecutor(1, "audit-reader") as pool:
        asked = deque((end, pool.submit(_read, after, end)) for after, end in islice(spans, 2))
        try:
            while asked:
                end, batch = asked.popleft()
                yield end, batch.result()
                asked.extend((end, pool.submit(_read, after, end)) for after, end in islice(spans, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def _read(after: int | None, end: int) -> Rows | Texts | None:
    """Read one batch. Runs in the reader thread, with a connection that is closed afterwards."""
    try:
        if connection.vendor != "sqlite":
            return Rows(_fetch(*_where(after, end, limit=AHEAD + 1), COLUMNS_AND_MAC))
        with connection.cursor() as cursor:
            where, values = _where(after, end)
            cursor.execute(_SELECT_TEXTS + where, values)
            texts = cursor.fetchone()
            return Texts(*texts) if all(texts) else None
    except DatabaseError:
        if connection.vendor != "sqlite":
            raise
        return None  # a value without a text form; reading row by row reports it, or raises the error again
    finally:
        connection.close()


class StoredRows:
    """Rows of the database: implements :class:`apps.audit.integrity.diagnosis.RowSource`."""

    def at(self, seq: int) -> StoredRow | None:
        """The row with this sequence number."""
        return next(iter(_fetch(" WHERE seq = %s", [seq])), None)

    def after(self, hash_: str) -> list[StoredRow]:
        """The rows with this previous hash, at most 10."""
        return _fetch(" WHERE previous_hash = %s LIMIT 10", [hash_])

    def first_after(self, seq: int) -> StoredRow | None:
        """The row with the lowest sequence number above this one."""
        return next(iter(_fetch(*_where(seq, None, limit=1))), None)

    def last_sequence(self) -> int:
        """The highest sequence number; 0 in an empty log."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(seq), 0) FROM audit_event")
            return int(cursor.fetchone()[0])

    def count(self) -> int:
        """The number of rows."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_event")
            return int(cursor.fetchone()[0])


def _fetch(
    condition: str, values: list[int] | list[str], columns: Sequence[str] = COLUMNS
) -> list[StoredRow]:
    """These columns of the rows that match a condition, also of rows with text that is not valid UTF-8."""
    statement = f"SELECT {', '.join(columns)} FROM audit_event"  # noqa: S608  # constant names
    if connection.vendor == "sqlite":
        # The plus prevents Django's conversion to a boolean, which would hide a stored 2.
        statement = statement.replace("failure", "+failure")
    statement += condition
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement, values)
            rows: list[StoredRow] = cursor.fetchall()
        except OperationalError as error:
            if connection.vendor != "sqlite" or "decode" not in str(error):
                raise
            # SQLite stores any bytes as text. The verification must report such a row instead of failing.
            strict, connection.connection.text_factory = connection.connection.text_factory, _lenient
            try:
                cursor.execute(statement, values)
                rows = cursor.fetchall()
            finally:
                connection.connection.text_factory = strict
    return rows


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
