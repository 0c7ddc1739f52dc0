"""The file of an export on its way: written at the database's speed, read at the reader's.

Three threads have a part in it. One runs the query, on a database connection of its own, into a temporary
file that has no name. The server's own thread sends from that file while it grows; it holds no connection, so
a slow reader costs none. A third gives a sign of life each second and stops the others where the export was
cancelled, the reader takes nothing any more, or the portal is being stopped. It is the last to end and closes
the file: nothing is left over, whoever dies.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import close_old_connections, connections

from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.history import writing
from apps.history.exports import services
from apps.history.exports.making import DATABASE_ERRORS, ExportBroken, ExportFile, Write, code_of
from apps.history.exports.services import FailureCode, Progress
from apps.history.models import Export, State

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
FINISH_TRIES, FINISH_PAUSE_SECONDS = 3, 0.5
ABANDONED_SECONDS = 60.0  # after a break-off; longer than writing it down waits for a lock or for the pool


class _Stopping:
    """Whether this process is being stopped; the server's configuration says so."""

    def __init__(self) -> None:
        self.is_stopping: Callable[[], bool] = lambda: False
        self.grace = 0.0  # seconds that an export may still take then


_process = _Stopping()


def end_when(is_stopping: Callable[[], bool], *, grace: float) -> None:
    """Break off what still runs so many seconds after the process was told to stop."""
    _process.is_stopping, _process.grace = is_stopping, grace


class Delivery(Iterator[bytes]):
    """The pieces of the file for the server, from an export that :func:`services.start` has started.

    The threads begin when somebody waits for the file: who is never asked leaves nothing behind. ``hang_up``
    wakes a server that waits for a reader who takes nothing; before the server asks for a piece, nobody does,
    and the connection still serves to say why there is none. The last step before the end is the event; where
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
        self._file = ExportFile(export, write)
        self._maker = threading.Thread(target=self._file.make, name="export-maker", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="export-watcher", daemon=True)
        self._sent = 0  # bytes that the server has taken
        self._length: int | None = None  # of the whole file, where the reader was told
        self._taken_at: float | None = None  # since when the reader has the last piece; None: we are asked
        self._stop_seen_at: float | None = None
        self._is_asked = False  # whether the server has begun to send
        self._broken_seen_at: float | None = None
        self._is_over = threading.Event()
        self._is_finishing = False  # from then on the row's end is this thread's to find out
        self._is_finished = False

    def __next__(self) -> bytes:
        self._taken_at, self._is_asked = None, True
        self._begin()
        piece = self._file.read(self._sent)
        # Who knows the length has a whole file with the last byte, and nothing is left to break: the end has
        # to be on record before it leaves.
        if not piece or self._sent + len(piece) == self._length:
            self._finish()
        self._sent += len(piece)
        self._taken_at = time.monotonic()  # behind the last piece, too: the server still sends the end's mark
        if not piece:
            raise StopIteration
        return piece

    def wait_until_begun(self) -> None:
        """Return when the first bytes are written: before the query. Raises :class:`ExportBroken`."""
        self._begin()
        self._file.wait_until_written(1)
        self._taken_at = time.monotonic()

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
        try:
            if not self._is_finished:
                self._file.break_off(FailureCode.READER_GONE)
                self._write_failure()
        finally:
            self._is_over.set()

    def _begin(self) -> None:
        if self._maker.ident is None:
            release_database_connections()
            self._maker.start()
            self._watcher.start()

    def _finish(self) -> None:
        if self._is_finished:
            return
        progress, self._is_finishing = self._progress(), True
        try:
            ended = self._write_finish(progress)
        except DATABASE_ERRORS as error:
            logger.exception("export_end_not_written")
            self._file.break_off(code_of(error))
            raise ExportBroken("not_recorded") from error
        if not ended:  # cancelled, or given up, in the last moment
            self._file.break_off(None)
            raise ExportBroken("ended")
        self._is_finished = True

    def _write_finish(self, progress: Progress) -> bool:
        """Whether the row says that this file has left. A lock, or a connection that breaks, passes."""
        sha256 = self._file.sha256
        for tries_left in reversed(range(FINISH_TRIES)):
            try:
                # Where it had ended before, that may be our own commit whose answer was lost.
                return services.finish(self._export, progress, sha256, self._actor) or services.has_finished(
                    self._export, sha256
                )
            except DATABASE_ERRORS:
                if not tries_left:
                    raise
                logger.info("export_end_tried_again")
                close_old_connections()
                time.sleep(FINISH_PAUSE_SECONDS)
        raise AssertionError("FINISH_TRIES is at least one")

    def _watch(self) -> None:
        try:
            while not (self._is_over.wait(BEAT_SECONDS) or self._is_abandoned()):
                self._look()
            if not self._is_over.is_set():
                self._write_failure()
        finally:
            if not self._is_over.is_set():
                self._file.break_off(FailureCode.FAULT)  # where it is broken already, that reason stays
            while self._maker.is_alive():
                self._file.stop_query()
                self._maker.join(0.2)
            self._file.close()
            connections.close_all()

    def _look(self) -> None:
        """Give a sign of life, or end what must not go on."""
        if self._file.is_broken:  # the thread that serves is about to tell; unless it waits for the reader
            self._file.stop_query()
            self._end_connection()
            return
        if code := self._reason_to_end():
            self._file.break_off(code)
            self._write_failure()
            self._end_connection()
            return
        state = State.DELIVERING if self._file.is_whole else State.RUNNING
        try:
            goes_on = services.beat(self._export, state, self._progress())
        except DATABASE_ERRORS:  # SQLite's lock, or a database that is away: the next beat comes in a second
            logger.info("export_beat_skipped")
            return
        finally:
            close_old_connections()
        if not (goes_on or self._is_over.is_set() or self._is_finishing):
            self._file.break_off(None)
            self._end_connection()

    def _end_connection(self) -> None:
        if self._is_asked:
            self._hang_up()

    def _is_abandoned(self) -> bool:
        """Whether the file is broken for long, and the server has not closed it: it will not any more."""
        if not self._file.is_broken:
            return False
        self._broken_seen_at = self._broken_seen_at or time.monotonic()
        return time.monotonic() - self._broken_seen_at > ABANDONED_SECONDS

    def _reason_to_end(self) -> FailureCode | None:
        now, taken_at = time.monotonic(), self._taken_at
        if _process.is_stopping() and not self._is_finishing:
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
        except DATABASE_ERRORS:
            logger.warning("export_failure_not_written %s", self._export.public_id)  # the worker's sweep does
        finally:
            close_old_connections()

    def _progress(self) -> Progress:
        file = self._file
        return Progress(file.rows, file.unreadable, bytes=file.written, bytes_sent=self._sent)
