"""The sandbox's control address: armed faults, requests and consumers."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.options import PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY

TIMEOUT = 60.0  # seconds
_PAIR = base64.b64encode(f"{PRACTICE_CLIENT_KEY}:{PRACTICE_API_TOKEN}".encode()).decode()
HEADERS = {"Authorization": f"Basic {_PAIR}", "Content-Type": "application/json"}


class Vendor:
    """Uses one connection, which stays open while the port is closed. Thread-safe."""

    def __init__(self, port: int, ca_file: Path) -> None:
        self.port, self._ca_file = port, ca_file
        self._connection: http.client.HTTPSConnection | None = None
        self._lock = threading.Lock()

    def answers(self) -> bool:
        """Whether the sandbox has started."""
        with suppress(OSError, http.client.HTTPException, ValueError):
            self._once("GET", "/_sandbox/switches", None)
            return True
        return False

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def arm(self, **fault: Any) -> None:
        """Arm a fault after those already armed."""
        self._ask("POST", "/_sandbox/faults", fault)

    def clear(self) -> None:
        """Disarm all faults, and open the port again."""
        self._ask("DELETE", "/_sandbox/faults")

    def armed(self) -> list[str]:
        """The armed faults."""
        return [str(armed["fault"]) for armed in self._ask("GET", "/_sandbox/faults")["armed"]]

    def consumers(self) -> list[dict[str, Any]]:
        """Every stored consumer."""
        found: list[dict[str, Any]] = self._ask("GET", "/_sandbox/consumers")["consumers"]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """Every request, in the order of arrival."""
        found: list[dict[str, Any]] = self._ask("GET", "/_sandbox/requests")["requests"]
        return found

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer; retries, because a new connection of ours may get a fault too."""
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                return self._once(method, path, body)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        with self._lock:
            try:
                if self._connection is None:
                    context = ssl.create_default_context(cafile=str(self._ca_file))
                    self._connection = http.client.HTTPSConnection(
                        "127.0.0.1", self.port, timeout=10, context=context
                    )
                self._connection.request(method, path, json.dumps(body) if body else None, HEADERS)
                response = self._connection.getresponse()
                content = response.read()
            except BaseException:
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise
        if response.status >= 300:
            raise RuntimeError(f"The sandbox answered {response.status}: {content[:200]!r}")
        return json.loads(content) if content else None
