"""Reading the rows of the log as they are stored, past Django's conversions: for verifications and proofs.

In batches, so that a million rows take no more memory than a thousand and no reader holds a snapshot open.
A long verification has its batches read ahead by a thread with connections of its own: while one batch is
hashed, the database works on the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from django.db import DatabaseError, OperationalError, connection

from apps.audit.chain import FORMAT
from apps.audit.integrity.bulk_hashing import COLUMNS, SEQ, Rows, StoredRow, Texts
from apps.core import clock

BATCH: Final = 5_000
"""Rows read at a time."""

AHEAD: Final = 10_000
"""Rows that are read ahead at a time."""
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


def takes_events() -> bool:
    """Whether the head row is the last row, and not set forward in time: if not, every event is refused."""
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


def rows_after(seq: int | None, *, up_to: int | None = None) -> Iterator[list[StoredRow]]:
    """Every row behind a sequence (None: every row there is), in order, in batches."""
    while True:
        rows = _fetch(*_where(seq, up_to, limit=BATCH))
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        seq = rows[-1][SEQ]


def _where(after: int | None, up_to: int | None, *, limit: int = 0) -> tuple[str, list[int]]:
    bounds = {"seq > %s": after, "seq <= %s": up_to}
    given = {condition: bound for condition, bound in bounds.items() if bound is not None}
    condition = f" WHERE {' AND '.join(given)}" if given else ""
    return condition + (f" ORDER BY seq LIMIT {limit}" if limit else ""), [*given.values()]


# SQLite writes the same JSON as apps.audit.chain (a test holds them against each other) and makes one text of
# a whole batch in one step, in less time than 19 values for each row take. It goes along the sequence; if
# it ever does not, the batch is read row by row. PostgreSQL takes longer to write JSON than to send values.
_FIELDS = ", ".join(
    f"'{name}', {name}"
    if name != "failure"
    else "'failure', json(CASE failure WHEN 0 THEN 'false' WHEN 1 THEN 'true' END)"
    for name in sorted(set(COLUMNS) - {"previous_hash", "hash"})
)
# From SQLite 3.45 on json_object takes a blob that happens to be its own binary JSON for what it means.
_TYPES = " AND ".join(
    f"typeof({name}) = '{'integer' if name == 'seq' else 'text'}'"
    if name in ("seq", "hash", "previous_hash")
    else f"typeof({name}) <> 'blob'"
    for name in COLUMNS
)
_SELECT_TEXTS = f"""
    SELECT min(format IS {FORMAT} AND {_TYPES}),
           group_concat(seq), group_concat(previous_hash), group_concat(hash),
           CAST(group_concat(json_object({_FIELDS}), char(10)) AS BLOB)
      FROM audit_event"""  # noqa: S608  # names of ours


def batches_ahead(
    begin: int | None, first: int, last: int
) -> Generator[tuple[int, Rows | Texts | None], None, None]:
    """What stands behind ``begin`` (None: from the lowest on) up to ``last``, read ahead by another thread.

    Each batch comes with the sequence up to which it goes, the first of them from ``first`` on; it is None
    where the database cannot tell it as a whole. Only committed rows are seen. Raises the database's errors.
    Close it where it is not read to its end.
    """
    ends = [min(end, last) for end in range(first + AHEAD - 1, last + AHEAD, AHEAD)]
    spans = iter(zip([begin, *ends], ends, strict=False))
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
    """In a thread of its own, with a connection that is not kept."""
    try:
        if connection.vendor != "sqlite":
            return Rows(_fetch(*_where(after, end, limit=AHEAD + 1)))
        with connection.cursor() as cursor:
            where, values = _where(after, end)
            cursor.execute(_SELECT_TEXTS + where, values)
            texts = cursor.fetchone()
            return Texts(*texts) if all(texts) else None
    except DatabaseError:
        if connection.vendor != "sqlite":
            raise
        return None  # a value that makes no text; whoever reads row by row tells it, or meets the error again
    finally:
        connection.close()


class StoredRows:
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
            # SQLite stores any bytes as text. Such a row must be reported and not end the verification.
            strict, connection.connection.text_factory = connection.connection.text_factory, _lenient
            try:
                cursor.execute(statement, values)
                rows = cursor.fetchall()
            finally:
                connection.connection.text_factory = strict
    return rows


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
