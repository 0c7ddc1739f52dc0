"""A list from the paste in the browser to its last receipt, and what the desk notices of it meanwhile."""

from __future__ import annotations

import math
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import percentile
from benchmarks.sandboxes import BenchSandbox
from tests.support.http_browser import Browser, UnexpectedAnswer, expect
from tests.support.processes import running
from tests.support.unique_entries import consumer

HEAD = [
    "database", "rows", "vendor", "paste to dry run, s", "confirmed to last receipt, s", "rows/s",
    "form page without a list, p50 / p95, ms", "meanwhile, p50 / p95, ms",
]  # fmt: skip
DELAY = 0.2  # seconds, of every answer of the vendor
DELAYED = ("create_order_consumer", "list_order_consumers", "retrieve_order", "search_guests")
PAGES_PER_SECOND = 4.0
BEFORE_SECONDS = 20.0
MOST_SECONDS_PER_ROW = 5.0
_COLUMNS = ("First name", "Last name", "Date of birth", "Email", "Phone", "Country")
_SHOWN = re.compile(r'/confirm/".*?name="shown" value="([0-9a-f]+)"', re.DOTALL)


def measure_send(
    folder: Path, environment: Mapping[str, str], sandbox: BenchSandbox, count: int
) -> list[str]:
    """The figures of one list of so many people for a new order, see :data:`HEAD`, without the database."""
    sandbox.answer_after(DELAY, operations=DELAYED)
    try:
        with (
            portal(folder, dict(environment)) as server,
            running([sys.executable, "manage.py", "worker"], environment, log=folder / "worker.log"),
        ):
            desk, person = Browser(server.port), Browser(server.port)
            for browser in (desk, person):
                browser.sign_in(*PERSON)
            for _ in range(8):
                desk.get(NEW)
            before = _pages_while(desk, _for_seconds(BEFORE_SECONDS))
            began = time.perf_counter()
            address, shown = _pasted(person, sandbox.orders.next(), count)
            checked = time.perf_counter()
            meanwhile = _pages_while(desk, lambda: _sent(person, address, shown, count))
            sent = time.perf_counter() - checked
    finally:
        sandbox.answer_after(0)
    return [
        str(count),
        f"{DELAY * 1000:.0f} ms",
        f"{checked - began:.1f}",
        f"{sent:.1f}",
        f"{count / sent:.1f}",
        _percentiles(before),
        _percentiles(meanwhile),
    ]


def _pasted(person: Browser, order: str, count: int) -> tuple[str, str]:
    """Paste so many people; the address of the list, and what its page shows as ready."""
    person.get("/batches/new/")
    people = [consumer() for _ in range(count)]
    rows = [_COLUMNS]
    for number, one in enumerate(people):
        # Different first names: otherwise every pair of rows is similar, and nothing is ready.
        first = "".join(chr(ord("a") + int(digit)) * 3 for digit in f"{number:04}").title()
        born = f"{1930 + number % 70}-0{1 + number % 9}-1{number % 10}"
        rows.append((first, f"{one.last_name}{first[::-1]}", born, one.emails[0], one.phone_numbers[0], "IE"))
    table = "\n".join("\t".join(row) for row in rows)
    answer = person.post("/batches/new/", {"order_ref": order, "table": table})
    expect(answer, 303, location="/batches/")
    page = person.get(answer.location)
    found = _SHOWN.search(page.text)
    if found is None or f"{count} rows are ready" not in " ".join(page.text.split()):
        raise UnexpectedAnswer("The rows are not all ready")
    return answer.location, found[1]


def _sent(person: Browser, address: str, shown: str, count: int) -> None:
    """Confirm the list and wait for its end. Raises ``UnexpectedAnswer`` if it takes too long."""
    expect(person.post(f"{address}confirm/", {"shown": shown}), 303)
    end = time.monotonic() + 60 + count * MOST_SECONDS_PER_ROW
    while time.monotonic() < end:
        page = person.get(f"{address}progress/").text
        if 'data-state="finished"' in page:
            if f"{count} created" not in page:
                raise UnexpectedAnswer("Not all rows were created")
            return
        if 'data-state="sending"' not in page:
            raise UnexpectedAnswer("The list is not being sent any more")
        time.sleep(0.5)
    raise UnexpectedAnswer("The list has not ended")


def _pages_while(desk: Browser, act: Callable[[], None]) -> list[float]:
    """Get the form page at a fixed rate while ``act`` runs; the seconds of each, from when it was due."""
    is_over, seconds = threading.Event(), list[float]()

    def get_pages() -> None:
        due = time.perf_counter()
        while not is_over.is_set():
            try:
                expect(desk.get(NEW), 200)
                seconds.append(time.perf_counter() - due)
            except (OSError, HTTPException, UnexpectedAnswer):
                seconds.append(math.inf)
                desk.reconnect()
            due += 1 / PAGES_PER_SECOND
            is_over.wait(max(due - time.perf_counter(), 0))

    thread = threading.Thread(target=get_pages, daemon=True)
    thread.start()
    try:
        act()
    finally:
        is_over.set()
        thread.join()
    return seconds


def _for_seconds(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)


def _percentiles(seconds: list[float]) -> str:
    return " / ".join(f"{percentile(seconds, share) * 1000:.0f}" for share in (0.5, 0.95))
