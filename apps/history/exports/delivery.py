"""The file of an export on its way: written at the database's speed, read at the reader's.

Three threads have a part in it. One runs the query, on a database connection of its own, into a temporary
file that has no name. The server's own thread sends from that file while it grows; it holds no connection, so
a slow reader costs none. A third gives a sign of life each second and stops the others where the export was
cancelled, the reader takes nothing any more, or the portal is being stopped. It is the last to end and closes
the file: nothing is left over, whoever dies.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Protocol

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    InterfaceError,
    close_old_connections,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.actor import Actor
from apps.core.connections import is_away, release_database_connections
from apps.history import writing
from apps.history.exports import selections, services
from apps.history.exports.services import FailureCode, Progress
from apps.history.models import Export, State
from apps.history.selection import Selection
from apps.history.writing import Format, Layout, Written

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
CHUNK = 128 * 1024  # bytes that the server takes at a time
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DATABASE = (DatabaseError, InterfaceError)


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


class _Stopping:
    """Whether this process is being stopped; the server's configuration says so."""

    def __init__(self) -> None:
        self.is_stopping: Callable[[], bool] = lambda: False
        self.grace = 0.0  # seconds that an export may still take then


_process = _Stopping()


def end_when(is_stopping: Callable[[], bool], *, grace: float) -> None:
    """Break off what still runs so many seconds after the process was told to stop."""
    _process.is_stopping, _process.grace = is_stopping, grace


class _File:
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
            self.break_off(_code_of(error))
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
        with self._changed:
            self._changed.wait_for(lambda: self.is_broken or self.is_whole or self.written > position)
            self._go_on()
        if self._file is None:  # no first byte was ever written: it is whole and empty
            return b""
        return os.pread(self._file.fileno(), CHUNK, position)

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
                except _DATABASE:
                    logger.warning("export_query_not_cancelled")

    def close(self) -> None:
        """Give the room of the file back. Nobody may write or read any more."""
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


class Delivery(Iterator[bytes]):
    """The pieces of the file for the server, from an export that :func:`services.start` has started.

    The threads begin with the first piece: who is never asked for one leaves nothing behind. ``hang_up``
    wakes a server that waits for a reader who takes nothing. The last step before the end is the event; where
    it cannot be written the download breaks.
    """

    def __init__(
        self,
        export: Export,
        actor: Actor,
        *,
        hang_up: Callable[[], object] = lambda: None,
        write: Write = writing.write,
    ) -> None:
        self._export, self._actor, self._hang_up = export, actor, hang_up
        self._file = _File(export, write)
        self._maker = threading.Thread(target=self._file.make, name="export-maker", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="export-watcher", daemon=True)
        self._sent = 0  # bytes that the server has taken
        self._length: int | None = None  # of the whole file, where the reader was told
        self._taken_at: float | None = None  # since when the reader has the last piece; None: we are asked
        self._stop_seen_at: float | None = None
        self._is_over = threading.Event()
        self._is_finished = False

    def __next__(self) -> bytes:
        self._taken_at = None
        self._begin()
        piece = self._file.read(self._sent)
        # Who knows the length has a whole file with the last byte, and nothing is left to break: the end has
        # to be on record before it leaves.
        if not piece or self._sent + len(piece) == self._length:
            self._finish()
        if not piece:
            raise StopIteration
        self._sent += len(piece)
        self._taken_at = time.monotonic()
        return piece

    def wait_until_whole(self) -> int:
        """The number of bytes, when all are written. Raises :class:`ExportBroken`.

        For a reader who knows the end of a file by its length alone (HTTP/1.0).
        """
        self._begin()
        self._file.wait_until_whole()
        self._taken_at, self._length = time.monotonic(), self._file.written
        return self._length

    def close(self) -> None:
        """The server is done with it. Where not everything was sent, the export has failed."""
        if self._is_over.is_set():
            return
        if not self._is_finished:
            self._file.break_off(FailureCode.READER_GONE)
            self._write_failure()
        self._is_over.set()

    def _begin(self) -> None:
        if self._maker.ident is None:
            release_database_connections()
            self._maker.start()
            self._watcher.start()

    def _finish(self) -> None:
        if self._is_finished:
            return
        progress = self._progress()
        try:
            ended = services.finish(self._export, progress, self._file.sha256, self._actor)
        except _DATABASE as error:
            logger.exception("export_end_not_written")
            self._file.break_off(_code_of(error))
            raise ExportBroken("not_recorded") from error
        if not ended:  # cancelled, or given up, in the last moment
            self._file.break_off(None)
            raise ExportBroken("ended")
        self._is_finished = True

    def _watch(self) -> None:
        try:
            while not self._is_over.wait(BEAT_SECONDS):
                self._look()
        finally:
            while self._maker.is_alive():
                self._file.stop_query()
                self._maker.join(0.2)
            self._file.close()
            connections.close_all()

    def _look(self) -> None:
        """Give a sign of life, or end what must not go on."""
        if self._file.is_broken:  # the thread that serves is about to tell; unless it waits for the reader
            self._file.stop_query()
            self._hang_up()
            return
        if code := self._reason_to_end():
            self._file.break_off(code)
            self._write_failure()
            self._hang_up()
            return
        state = State.DELIVERING if self._file.is_whole else State.RUNNING
        try:
            goes_on = services.beat(self._export, state, self._progress())
        except _DATABASE:  # SQLite's lock, or a database that is away: the next beat comes in a second
            logger.info("export_beat_skipped")
            return
        finally:
            close_old_connections()
        if not (goes_on or self._is_over.is_set() or self._is_finished):
            self._file.break_off(None)
            self._hang_up()

    def _reason_to_end(self) -> FailureCode | None:
        now, taken_at = time.monotonic(), self._taken_at
        if _process.is_stopping():
            self._stop_seen_at = self._stop_seen_at or now
            if now - self._stop_seen_at >= _process.grace:
                return FailureCode.PORTAL_STOPPED
        if taken_at is not None and now - taken_at > settings.EXPORT_STALL_SECONDS:
            return FailureCode.READER_STALLED
        return None

    def _write_failure(self) -> None:
        if self._file.code is None:  # somebody else has written the end
            return
        try:
            services.fail(self._export, self._file.code, self._progress(), self._actor)
        except _DATABASE:
            logger.warning("export_failure_not_written %s", self._export.public_id)  # the worker's sweep does
        finally:
            close_old_connections()

    def _progress(self) -> Progress:
        file = self._file
        return Progress(file.rows, file.unreadable, bytes=file.written, bytes_sent=self._sent)


def _nameless_file() -> IO[bytes]:
    """A file without a name: it is gone when nobody has it open any more, however that came."""
    return tempfile.TemporaryFile(dir=settings.EXPORT_DIR or None, buffering=0)


def _connection_of_its_own() -> BaseDatabaseWrapper:
    """A connection of this export alone, beside the pool: pages keep theirs while the query runs."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    return connection


def _code_of(error: Exception) -> FailureCode:
    if isinstance(error, OSError):
        return FailureCode.DISK_FULL if error.errno in _NO_ROOM else FailureCode.DISK_FAILED
    if is_away(error):
        return FailureCode.DATABASE_LOST
    return FailureCode.DATABASE_FAILED if isinstance(error, DatabaseError) else FailureCode.FAULT
