"""The file of an export while it is made: one thread writes what the query returns, another reads it."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import IO

import psycopg.errors
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.consumers.searches import SearchGone, SearchUnreadable
from apps.core.connections import DATABASE_ERRORS, is_database_unavailable, release_database_connections
from apps.core.export.formats import Format
from apps.history import writing
from apps.history.exports import selections
from apps.history.exports.facts import facts_about
from apps.history.exports.lifecycle import FailureCode
from apps.history.models import Export
from apps.history.selection import Selection
from apps.history.writing import Layout

logger = logging.getLogger(__name__)

CHUNK = 128 * 1024  # bytes of one read
_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ExportBroken(Exception):
    """The file will not be completed: the server must break the download. The message is a code."""


class ExportFile:
    """A temporary file that one thread writes while another reads it."""

    def __init__(self, export: Export) -> None:
        self.rows = self.unreadable = 0
        self.written = 0  # bytes
        self.is_whole = False
        self.is_broken = False
        self.code: FailureCode | None = None  # None if the end is stored already
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._changed = threading.Condition()
        self._read_lock = threading.Lock()
        self._connection: BaseDatabaseWrapper | None = None
        self._connection_lock = threading.Lock()
        self._export = export
        self._layout = Layout(
            format=Format(export.format),
            columns=tuple(export.columns),
            time_zone=export.zone.key,
            separator=export.separator,
            byte_order_mark=export.byte_order_mark,
        )

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of all bytes written so far."""
        return self._digest.hexdigest()

    def make(self) -> None:
        """Write the whole file. At the end, or after any error, waiting readers are woken."""
        try:
            self._file = _unnamed_file()
            if self._layout.format is Format.XLSX:
                self._layout = replace(self._layout, facts=facts_about(self._export))
            selection = self._read_selection()
            self._run_query(selection, partial(self._append, self._file))
        except ExportBroken:
            pass
        except Exception as error:  # of any kind: a waiting reader must be woken
            if not self.is_broken:  # otherwise the error results from stopping the query
                logger.exception("export_not_written")
            self.break_off(code_of(error))
        else:
            with self._changed:
                self.is_whole = True
                self._changed.notify_all()
        finally:
            connections.close_all()

    def read(self, position: int) -> bytes:
        """Wait for bytes at ``position`` and return at most :data:`CHUNK`; empty at the end of the file.

        Raises :class:`ExportBroken` if the file will not be completed.
        """
        self.wait_until_written(position + 1)
        with self._read_lock:
            self._raise_if_broken()
            if self._file is None:  # nothing was written: the complete file is empty
                return b""
            return os.pread(self._file.fileno(), CHUNK, position)

    def wait_until_written(self, size: int) -> None:
        """Wait until ``size`` bytes are written or the file is complete. Raises :class:`ExportBroken`."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_broken or self.is_whole or self.written >= size)
            self._raise_if_broken()

    def wait_until_whole(self) -> None:
        """Wait until the file is complete. Raises :class:`ExportBroken`."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_broken or self.is_whole)
            self._raise_if_broken()

    def break_off(self, code: FailureCode | None) -> None:
        """Mark the file as broken and stop the query. The first reason is stored. Safe from any thread."""
        with self._changed:
            if not self.is_broken:
                self.is_broken, self.code = True, code
                self._changed.notify_all()
        self.stop_query()

    def stop_query(self) -> None:
        """Cancel the running query, if there is one."""
        with self._connection_lock:
            if self._connection is not None:
                try:
                    with self._connection.wrap_database_errors:
                        writing.cancel_query(self._connection)
                except DATABASE_ERRORS:
                    logger.warning("export_query_not_cancelled")

    def close(self) -> None:
        """Close the file, which deletes it. The writing thread must have ended; readers may remain."""
        with self._read_lock:  # the descriptor could be reused for another file during a read
            if self._file is not None:
                self._file.close()

    def _read_selection(self) -> Selection:
        """The selection, with the digests of its search as they are now.

        Raises :class:`ExportBroken` if the search was erased after the start.
        """
        try:
            selection = selections.from_json(self._export.selection)
        except SearchGone:
            self.break_off(FailureCode.SEARCH_GONE)
        except SearchUnreadable:
            self.break_off(FailureCode.SEARCH_UNREADABLE)
        self._raise_if_broken()
        release_database_connections()  # the query has its own
        return selection

    def _run_query(self, selection: Selection, write_bytes: Callable[[bytes], object]) -> None:
        connection = _new_connection()
        try:
            with self._connection_lock:
                self._connection = connection
            with connection.wrap_database_errors:
                written = writing.write(
                    selection,
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
        self._raise_if_broken()
        self._digest.update(data)
        rest = memoryview(data)
        while rest:  # on an almost full disk, a write may be partial
            rest = rest[file.write(rest) :]
        with self._changed:
            self.written += len(data)
            self._changed.notify_all()

    def _count(self, rows: int) -> None:
        self._raise_if_broken()
        self.rows = rows

    def _raise_if_broken(self) -> None:
        if self.is_broken:
            raise ExportBroken(self.code or "ended")


def _unnamed_file() -> IO[bytes]:
    """A file without a name: the system deletes it when it is closed, also if the process is killed."""
    return tempfile.TemporaryFile(dir=settings.EXPORT_DIR or None, buffering=0)


def _new_connection() -> BaseDatabaseWrapper:
    """A connection outside the pool, so that a long query does not take one from the pages."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    return connection


def _is_lock_error(error: BaseException | None) -> bool:
    """Whether this error of the database driver means that waiting for a lock took too long."""
    if isinstance(error, sqlite3.Error):
        # The lowest byte is the primary result code (SQLite manual). Errors of the driver itself have none.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected)


def code_of(error: Exception) -> FailureCode:
    """The failure code for the error that stopped an export."""
    if isinstance(error, OSError):
        return FailureCode.DISK_FULL if error.errno in _DISK_FULL_ERRNOS else FailureCode.DISK_FAILED
    if _is_lock_error(error.__cause__):
        return FailureCode.DATABASE_BUSY
    if is_database_unavailable(error):
        return FailureCode.DATABASE_LOST
    return FailureCode.DATABASE_FAILED if isinstance(error, DatabaseError) else FailureCode.FAULT
