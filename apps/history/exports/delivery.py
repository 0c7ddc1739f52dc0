"""The delivery of an export: the file is written as fast as the query runs and sent as fast as it is read.

Three threads take part. The maker runs the query, on its own database connection, and writes into an unnamed
temporary file. The server's thread sends that file while it grows; it holds no connection, so a slow reader
costs none. The watcher stores a heartbeat each second and stops the others if the export was cancelled, the
person's access was ended, the reader has stalled, or the portal is stopping. The watcher ends last and closes
the file, so no file remains.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from django.conf import settings
from django.db import close_old_connections, connections

from apps.core.actor import Actor
from apps.core.connections import DATABASE_ERRORS, release_database_connections
from apps.history.exports import access, lifecycle
from apps.history.exports.lifecycle import FailureCode, Progress
from apps.history.exports.making import ExportBroken, ExportFile, code_of
from apps.history.models import Export, State

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
FINISH_TRIES, FINISH_PAUSE_SECONDS = 3, 0.5
ABANDONED_SECONDS = 60.0  # since the file broke; exceeds the wait for a lock or the pool


class _Process:
    """How this process is being stopped; set by the server's configuration."""

    def __init__(self) -> None:
        self.is_stopping: Callable[[], bool] = lambda: False
        self.grace = 0.0  # seconds that exports may run after that


_process = _Process()


def end_when(is_stopping: Callable[[], bool], *, grace: float) -> None:
    """Stop running exports ``grace`` seconds after ``is_stopping`` first returns True."""
    _process.is_stopping, _process.grace = is_stopping, grace


class Delivery(Iterator[bytes]):
    """The file in pieces for the server, of an export that :func:`lifecycle.start` has started.

    ``session_hash``: that of the person in the request (:func:`access.has_access`).

    The threads start with the first read or wait, so an unused delivery leaves none behind. ``hang_up``
    closes the connection, to wake a server thread that waits for a stalled reader. It is not called before
    the first read, because the connection is then still needed to answer with the reason. The event of the
    end is recorded before the end of the file is sent; if it cannot be recorded, the download breaks.
    """

    def __init__(
        self,
        export: Export,
        actor: Actor,
        *,
        session_hash: str,
        hang_up: Callable[[], object] = lambda: None,
    ) -> None:
        self._export, self._actor, self._hang_up = export, actor, hang_up
        self._session_hash = session_hash
        self._file = ExportFile(export)
        self._maker = threading.Thread(target=self._file.make, name="export-maker", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="export-watcher", daemon=True)
        self._sent = 0  # bytes passed to the server
        self._length: int | None = None  # bytes of the complete file, if sent as Content-Length
        self._read_at: float | None = None  # time of the last read; None during a read
        self._stop_seen_at: float | None = None  # monotonic time at which the watcher saw it; likewise below
        self._has_been_read = False  # set with the server's first read
        self._broken_seen_at: float | None = None
        self._is_over = threading.Event()
        self._is_finishing = False  # then the watcher does not take an ended export for a cancelled one
        self._is_finished = False

    def __next__(self) -> bytes:
        self._read_at, self._has_been_read = None, True
        self._begin()
        piece = self._file.read(self._sent)
        sent = self._sent + len(piece)
        # If the reader knows the length, the last byte completes the file: store the end before sending it.
        if not piece or sent == self._length:
            self._finish(sent)
        self._sent = sent
        self._read_at = time.monotonic()  # also after the last piece: the server still sends the final chunk
        if not piece:
            raise StopIteration
        return piece

    def wait_until_begun(self) -> None:
        """Wait for the first bytes, which are written before the query. Raises :class:`ExportBroken`."""
        self._begin()
        self._file.wait_until_written(1)
        self._read_at = time.monotonic()

    def wait_until_whole(self) -> int:
        """Wait until the file is complete and return its bytes. Raises :class:`ExportBroken`.

        For HTTP/1.0, where only the length shows that a file is complete (RFC 9112, 6.3).
        """
        self._begin()
        self._file.wait_until_whole()
        self._read_at, self._length = time.monotonic(), self._file.written
        return self._length

    def close(self) -> None:
        """End the delivery, as the server does. If not everything was sent, the export has failed."""
        if self._is_over.is_set():
            return
        try:
            if not self._is_finished:
                self._file.break_off(FailureCode.READER_GONE)
                self._store_failure()
        finally:
            self._is_over.set()

    def _begin(self) -> None:
        if self._maker.ident is None:
            release_database_connections()
            self._maker.start()
            self._watcher.start()

    def _finish(self, sent: int) -> None:
        """Store the end of a file of which so many bytes are sent, the present piece included."""
        if self._is_finished:
            return
        progress, self._is_finishing = replace(self._progress(), bytes_sent=sent), True
        try:
            ended = self._store_finish(progress)
        except DATABASE_ERRORS as error:
            logger.exception("export_end_not_written")
            self._file.break_off(code_of(error))
            raise ExportBroken("not_recorded") from error
        if not ended:  # cancelled or marked as lost meanwhile
            self._file.break_off(None)
            raise ExportBroken("ended")
        self._is_finished = True

    def _store_finish(self, progress: Progress) -> bool:
        """Store the end. Returns whether the stored end is that of this file. Retries after errors."""
        sha256 = self._file.sha256

        def store() -> bool:
            if not access.has_access(self._export, self._actor, self._session_hash):
                self._file.break_off(FailureCode.ACCESS_ENDED)  # close() stores it
                return False
            # If it had ended before, that may be our own commit whose confirmation was lost.
            return lifecycle.finish(self._export, progress, sha256, self._actor) or lifecycle.has_finished(
                self._export, sha256
            )

        for _ in range(FINISH_TRIES - 1):
            try:
                return store()
            except DATABASE_ERRORS:
                logger.info("export_end_tried_again")
                close_old_connections()
                time.sleep(FINISH_PAUSE_SECONDS)
        return store()

    def _watch(self) -> None:
        try:
            while not (self._is_over.wait(BEAT_SECONDS) or self._is_abandoned()):
                self._check()
            if not self._is_over.is_set():
                self._store_failure()
        finally:
            if not self._is_over.is_set():
                self._file.break_off(FailureCode.FAULT)  # if it is broken already, the first reason is stored
            while self._maker.is_alive():
                self._file.stop_query()
                self._maker.join(0.2)
            self._file.close()
            connections.close_all()

    def _check(self) -> None:
        """Store a heartbeat, or stop an export that must not continue."""
        if self._file.is_broken:  # the server's thread will raise, unless it waits for the reader
            self._file.stop_query()
            self._end_connection()
            return
        if code := self._reason_to_end():
            self._end_because(code)
            return
        state = State.DELIVERING if self._file.is_whole else State.RUNNING
        try:
            if not self._is_finishing and not access.has_access(
                self._export, self._actor, self._session_hash
            ):
                self._end_because(FailureCode.ACCESS_ENDED)
                return
            is_active = lifecycle.store_heartbeat(self._export, state, self._progress())
        except DATABASE_ERRORS:  # locked or unavailable: the next heartbeat follows in a second
            logger.info("export_beat_skipped")
            return
        finally:
            close_old_connections()
        if not (is_active or self._is_over.is_set() or self._is_finishing):
            self._file.break_off(None)
            self._end_connection()

    def _end_because(self, code: FailureCode) -> None:
        self._file.break_off(code)
        self._store_failure()
        self._end_connection()

    def _end_connection(self) -> None:
        if self._has_been_read:
            self._hang_up()

    def _is_abandoned(self) -> bool:
        """Whether the file broke :data:`ABANDONED_SECONDS` ago and the server still has not closed it."""
        if not self._file.is_broken:
            return False
        self._broken_seen_at = self._broken_seen_at or time.monotonic()
        return time.monotonic() - self._broken_seen_at > ABANDONED_SECONDS

    def _reason_to_end(self) -> FailureCode | None:
        now, read_at = time.monotonic(), self._read_at
        if _process.is_stopping() and not self._is_finishing:
            self._stop_seen_at = self._stop_seen_at or now
            if now - self._stop_seen_at >= _process.grace:
                return FailureCode.PORTAL_STOPPED
        if read_at is not None and now - read_at > settings.EXPORT_STALL_SECONDS:
            return FailureCode.READER_STALLED
        return None

    def _store_failure(self) -> None:
        if self._file.code is None:  # the end is stored already
            return
        try:
            lifecycle.fail(self._export, self._file.code, self._progress(), self._actor)
        except DATABASE_ERRORS:
            logger.warning("export_failure_not_written %s", self._export.public_id)  # the worker will
        finally:
            close_old_connections()

    def _progress(self) -> Progress:
        file = self._file
        return Progress(file.rows, file.unreadable, bytes=file.written, bytes_sent=self._sent)
