"""A cache between the caller and the lists of order consumers, as a network may have one on the way."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime

from apps.sandbox.answers import Answer
from apps.sandbox.calls import Request


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    at: datetime


class ListCache:
    """Keeps the first answer to each address, for ever.

    `obeying` gives a caller who says `Cache-Control: no-cache` a fresh answer. `stubborn` gives it the old
    one and says `Age` (RFC 9111 5.1), `silent` does not even say that.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request, kind: str, now: datetime) -> Answer | None:
        """What the cache answers by itself; None where the request goes on to the API."""
        if kind == "none":
            return None
        if kind == "obeying" and "no-cache" in request.headers.get("cache-control", "").lower():
            return None
        with self._lock:
            kept = self._kept.get(request.target)
        if kept is None:
            return None
        if kind == "silent":
            return kept.answer
        age = max(int((now - kept.at).total_seconds()), 0)
        return replace(kept.answer, headers=(*kept.answer.headers, ("Age", str(age))))

    def keep(self, request: Request, answer: Answer, now: datetime) -> None:
        """Remember a good answer of the API."""
        if answer.status == 200:
            with self._lock:
                self._kept[request.target] = _Kept(answer, now)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
