"""The file of an export while it is made: the query writes it at the database's speed, others read it."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from typing import IO, Protocol

import psycopg.errors
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.connections import is_database_unavailable
from apps.core.export.formats import Format
from apps.history import writing
from apps.history.exports import selections
from apps.history.exports.services import FailureCode
from apps.history.models import Export
from apps.history.selection import Selection
from apps.history.writing import Layout, Written

logger = logging.getLogger(__name__)

CHUNK = 128 * 1024  # bytes that the server takes at a time
DATABASE_ERRORS = (DatabaseError, InterfaceError)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ExportBroken(Exception):
    """The file does not become whole: the server must break the download. The text is a code."""


class Write(Protocol):
    """:func:`apps.history.writing.write`."""

    def __call__(
        self,
        selection: Selection,
        layout: Layout,
        write_bytes: Callable[[bytes], object],
        *,
        connection: BaseDatabaseWrapper,
        progress: Callable[[int], None],
    ) -> Written: ...


class ExportFile:
    """The file while it is made: written by one thread, read by another."""

    def __init__(self, export: Export, write: Write) -> None:
        self.rows = self.unreadable = 0
        self.written = 0  # bytes
        self.is_whole = False
        self.is_broken = False
        self.code: FailureCode | None = None  # None where somebody else has written the end
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._changed = threading.Condition()
        self._reading = threading.Lock()
        self._connection: BaseDatabaseWrapper | None = None
        self._connection_lock = threading.Lock()
        self._selection = selections.from_json(export.selection)
        self._layout = Layout(
            format=Format(export.format),
            columns=tuple(export.columns),
            time_zone=export.time_zone,
            separator=export.separator,
            byte_order_mark=export.byte_order_mark,
        )
        self._write = write

    @property
    def sha256(self) -> str:
        """Of what was written."""
        return self._digest.hexdigest()

    def make(self) -> None:
        """Write the whole file; however that ends, the reader is told."""
        try:
            self._file = _nameless_file()
            self._run_query(partial(self._append, self._file))
        except ExportBroken:
            pass
        except Exception as error:  # whatever it is: the reader waits, and must not wait for ever
            if not self.is_broken:  # else it is what stopping the query looks like
                logger.exception("export_not_written")
            self.break_off(code_of(error))
        else:
            with self._changed:
                self.is_whole = True
                self._changed.notify_all()
        finally:
            connections.close_all()

    def read(self, position: int) -> bytes:
        """What stands there, as soon as something does; empty behind the end of the whole file.

        Raises :class:`ExportBroken` where there is no whole file to come.
        """
        self.wait_until_written(position + 1)
        with self._reading:
            self._go_on()
            if self._file is None:  # no first byte was ever written: it is whole and empty
                return b""
            return os.pread(self._file.fileno(), CHUNK, position)

    def wait_until_written(self, size: int) -> None:
        """Return when so many bytes are there, or no more come. Raises :class:`ExportBroken`."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_broken or self.is_whole or self.written >= size)
            self._go_on()

    def wait_until_whole(self) -> None:
        """Return when the last byte is written. Raises :class:`ExportBroken`."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_broken or self.is_whole)
            self._go_on()

    def break_off(self, code: FailureCode | None) -> None:
        """Let there be no whole file; the first reason stays. Safe from any thread."""
        with self._changed:
            if not self.is_broken:
                self.is_broken, self.code = True, code
                self._changed.notify_all()
        self.stop_query()

    def stop_query(self) -> None:
        """Tell the database to end a query that is of no use any more."""
        with self._connection_lock:
            if self._connection is not None:
                try:
                    with self._connection.wrap_database_errors:
                        writing.cancel_query(self._connection)
                except DATABASE_ERRORS:
                    logger.warning("export_query_not_cancelled")

    def close(self) -> None:
        """Give the room of the file back. Nobody may write any more; who still reads a broken one may."""
        with self._reading:  # else its number could be another file's while somebody reads there
            if self._file is not None:
                self._file.close()

    def _run_query(self, write_bytes: Callable[[bytes], object]) -> None:
        connection = _connection_of_its_own()
        try:
            with self._connection_lock:
                self._connection = connection
            with connection.wrap_database_errors:
                written = self._write(
                    self._selection,
                    self._layout,
                    write_bytes,
                    connection=connection,
                    progress=self._count,
                )
            self.rows, self.unreadable = written.rows, written.unreadable
        finally:
            with self._connection_lock:
                self._connection = None
            connection.close()

    def _append(self, file: IO[bytes], data: bytes) -> None:
        self._go_on()
        self._digest.update(data)
        rest = memoryview(data)
        while rest:  # a disk that is almost full takes a part
            rest = rest[file.write(rest) :]
        with self._changed:
            self.written += len(data)
            self._changed.notify_all()

    def _count(self, rows: int) -> None:
        self._go_on()
        self.rows = rows

    def _go_on(self) -> None:
        if self.is_broken:
            raise ExportBroken(self.code or "ended")


def _nameless_file() -> IO[bytes]:
    """A file without a name: it is gone when nobody has it open any more, however that came."""
    return tempfile.TemporaryFile(dir=settings.EXPORT_DIR or None, buffering=0)


def _connection_of_its_own() -> BaseDatabaseWrapper:
    """A connection of this export alone, beside the pool: pages keep theirs while the query runs."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    return connection


def _is_lock(error: BaseException | None) -> bool:
    """Whether this error of the database's driver says that somebody else held a lock for too long."""
    if isinstance(error, sqlite3.Error):
        # The lowest byte is the kind (SQLite: result codes). Errors of the driver's own have none.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)


def code_of(error: Exception) -> FailureCode:
    """Why an export broke off that this error has stopped."""
    if isinstance(error, OSError):
        return FailureCode.DISK_FULL if error.errno in _NO_ROOM else FailureCode.DISK_FAILED
    if _is_lock(error.__cause__):
        return FailureCode.DATABASE_BUSY
    if is_database_unavailable(error):
        return FailureCode.DATABASE_LOST
    return FailureCode.DATABASE_FAILED if isinstance(error, DatabaseError) else FailureCode.FAULT
