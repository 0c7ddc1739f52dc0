"""A cache in front of the lists of order consumers, like an HTTP cache in the network."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from sandbox.api.answers import Answer
from sandbox.api.calls import Request


@dataclass(frozen=True, slots=True)
class _CachedAnswer:
    answer: Answer
    at: datetime


class ListCache:
    """Stores the first answer for each address and never expires it.

    `obeying` honours `Cache-Control: no-cache` and gives a fresh answer. `stubborn` ignores it and adds an
    `Age` header (RFC 9111 5.1). `silent` ignores it and adds no header.
    """

    def __init__(self) -> None:
        self._answers: dict[str, _CachedAnswer] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request, kind: str, now: datetime) -> Answer | None:
        """The cached answer, or None if the request has to go to the API."""
        if kind == "none":
            return None
        if kind == "obeying" and "no-cache" in request.headers.get("cache-control", "").lower():
            return None
        with self._lock:
            cached = self._answers.get(request.target)
        if cached is None:
            return None
        if kind == "silent":
            return cached.answer
        age = max(int((now - cached.at).total_seconds()), 0)
        return replace(cached.answer, headers=(*cached.answer.headers, ("Age", str(age))))

    def store(self, request: Request, answer: Answer, now: datetime) -> None:
        """Store a successful answer of the API."""
        if answer.status == 200:
            with self._lock:
                self._answers[request.target] = _CachedAnswer(answer, now)

    def clear(self) -> None:
        """Remove all cached answers."""
        with self._lock:
            self._answers.clear()
