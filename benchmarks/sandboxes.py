"""The sandbox of a benchmark: the usual one, with thousands of orders and a configurable delay."""

from __future__ import annotations

import base64
import http.client
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api.routes import CREATE
from sandbox.options import PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY
from tests.support.ports import free_port
from tests.support.processes import serving
from tests.support.sandbox_orders import add_orders
from tests.support.unique_entries import Orders

ORDERS = 12_000


@dataclass(frozen=True, slots=True)
class BenchSandbox:
    """A running sandbox."""

    port: int
    orders: Orders = field(repr=False)

    @property
    def address(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def answer_after(self, seconds: float, *, operations: tuple[str, ...] = (CREATE,)) -> None:
        """Delay the answer to every later request for these operations by that many seconds."""
        self._ask("DELETE", None)
        for operation in operations if seconds else ():
            wanted = {"fault": "slow", "seconds": seconds, "times": 1_000_000, "operation": operation}
            self._ask("POST", json.dumps(wanted))

    def _ask(self, method: str, body: str | None) -> None:
        pair = base64.b64encode(f"{PRACTICE_CLIENT_KEY}:{PRACTICE_API_TOKEN}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, "/_sandbox/faults", body, headers)
            response = connection.getresponse()
            response.read()
            if response.status >= 300:
                raise RuntimeError(f"The sandbox answered {response.status}")


@contextmanager
def running(folder: Path) -> Iterator[BenchSandbox]:
    """A running sandbox with its data in that folder."""
    data, port = folder / "sandbox.sqlite3", free_port()
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--data", str(data)]
    with serving(command, port=port, environment={}, log=folder / "sandbox.log"):
        BenchSandbox(port, Orders([])).answer_after(0)  # the port is open before the data are complete
        yield BenchSandbox(port, Orders(add_orders(data, ORDERS)))
