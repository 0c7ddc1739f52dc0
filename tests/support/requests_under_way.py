"""Requests that the portal is answering in threads of this process."""

from __future__ import annotations

import threading

from django.core.signals import request_finished, request_started


class RequestsUnderWay:
    """The threads that are answering a request, apart from the one of the test."""

    def __init__(self) -> None:
        self._threads: set[int] = set()
        self._changed = threading.Condition()
        request_started.connect(self._started)
        request_finished.connect(self._finished)

    def wait_until_answered(self, *, seconds: float) -> bool:
        """Wait until no request is under way, at most that many seconds; return whether none is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._threads, seconds)

    def disconnect(self) -> None:
        """Take no notice of further requests."""
        request_started.disconnect(self._started)
        request_finished.disconnect(self._finished)

    def _started(self, **_: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            with self._changed:
                self._threads.add(threading.get_ident())

    def _finished(self, **_: object) -> None:
        with self._changed:
            self._threads.discard(threading.get_ident())
            self._changed.notify_all()
