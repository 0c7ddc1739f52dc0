"""A deployed portal for tests: gunicorn with its processes, on a separate database."""

from __future__ import annotations

import re
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import psycopg
from django.conf import settings

from apps.accounts.practice import PRACTICE_PEOPLE
from sandbox.api.calls import Request
from sandbox.data.store import WireRequest
from sandbox.faults.armed import Armed
from sandbox.faults.script import Deferred, Script
from sandbox.server.sandbox_server import SandboxServer
from tests.support import prepared
from tests.support.entries import creates
from tests.support.http_browser import TIMEOUT_SECONDS, Answer, Browser
from tests.support.ports import free_port
from tests.support.processes import BIN, Server, serving
from tests.support.sandbox_orders import add_orders
from tests.support.waiting import wait_until

NEW = "/consumers/new/"
ORDERS = 1000
HELD_SECONDS = 120.0  # the longest that an answer is held
# For portals whose answers are held: on a busy machine the events of a test take longer than a usual call.
PATIENT = {"CDP_READ_TIMEOUT": "90", "CDP_TOTAL_TIMEOUT": "90"}
START_SECONDS = 90.0
PASSWORDS = {person.username: person.password for person in PRACTICE_PEOPLE}
_PID = re.compile(r"^access <(\d+)> ", re.MULTILINE)
T = TypeVar("T")


@dataclass
class Place:
    """A prepared database, and the sandbox that its portals call."""

    folder: Path
    database_url: str
    sandbox: SandboxServer
    _orders: Iterator[str] = field(repr=False)
    used: list[str] = field(default_factory=list, repr=False)
    people: dict[str, Person] = field(default_factory=dict, repr=False)
    """Who has signed in on this database, by user name."""

    def order(self) -> str:
        """An unused order."""
        self.used.append(next(self._orders))
        return self.used[-1]

    def answer_after(self, seconds: float) -> None:
        """Delay the answer to every later create by that many seconds; the create itself is done at once."""
        self.sandbox.sandbox.faults.clear()
        if seconds:
            self.sandbox.sandbox.faults.arm(Armed("slow", times=1_000_000, seconds=seconds))

    @contextmanager
    def held_answers(self) -> Iterator[Callable[[], None]]:
        """Hold the answers to creates until the yielded function is called; the creates are done at once."""
        released = threading.Event()
        sandbox = self.sandbox.sandbox
        handle = sandbox.handle

        def held(request: Request) -> Script:
            script = handle(request)

            def later() -> Script:
                released.wait(HELD_SECONDS)
                return script

            return (Deferred(later),) if request.method == "POST" else script

        try:
            with mock.patch.object(sandbox, "handle", held):
                yield released.set
        finally:
            released.set()

    def creates(self, order: str = "") -> list[WireRequest]:
        """The creates that arrived at the sandbox: for this order, or all."""
        return [request for request in creates(self.sandbox) if order in request.path]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        if self.database_url.startswith("sqlite"):
            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=20)) as file:
                return file.execute(statement).fetchall()
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()

    def outcomes(self) -> Counter[str]:
        """The number of submissions with each outcome."""
        return Counter(outcome for [outcome] in self.rows("SELECT outcome FROM consumers_submission"))

    def submissions(self, outcome: str) -> list[str]:
        """The public ids of the submissions with this outcome."""
        rows = self.rows("SELECT public_id, outcome FROM consumers_submission")
        return [str(uuid.UUID(str(public_id))) for public_id, stored in rows if stored == outcome]

    def events(self, action: str) -> int:
        """The number of events with this action."""
        return sum(recorded == action for [recorded] in self.rows("SELECT action FROM audit_event"))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the portal's processes: practice mode with reconciliation turned on."""
        return {
            "PORTAL_MODE": "practice",
            "DATABASE_URL": self.database_url,
            "CDP_BASE_URL": self.sandbox.base_url,
            "CDP_RECONCILIATION": "true",
            "SPOOL_DIR": str(self.folder / "spool"),
            "STATIC_ROOT": str(prepared.static_files()),
            "AUDIT_CHECKPOINT_FILE": str(self.folder / "checkpoints.jsonl"),
            "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        }


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. Each request uses its own connection, so it can reach any process."""

    browser: Browser

    def at(self, portal: Portal, *, timeout: float = TIMEOUT_SECONDS) -> Person:
        """The same person with the same session, at another portal of the same database."""
        browser = Browser(portal.server.port, timeout=timeout)
        browser._cookies, browser._csrf = dict(self.browser._cookies), self.browser._csrf
        return Person(browser)

    def get(self, path: str) -> Answer:
        """The page at that path."""
        with self.browser.tab() as tab:
            return tab.get(path)

    def post(self, entry: dict[str, str]) -> Answer:
        """The response to the form with this entry."""
        with self.browser.tab() as tab:
            return tab.post(NEW, entry)


@dataclass(frozen=True, slots=True)
class Portal:
    """A running gunicorn."""

    server: Server
    log: Path
    place: Place

    def person(self, username: str, *, timeout: float = TIMEOUT_SECONDS) -> Person:
        """A signed-in practice user, with the session of an earlier portal if there is one.

        Verifying a password takes half a second of processor time. ``timeout``: seconds for a page.
        """
        if username not in self.place.people:
            self.place.people[username] = self.sign_in(username)
        return self.place.people[username].at(self, timeout=timeout)

    def sign_in(self, username: str) -> Person:
        """Sign a practice user in and read the form once."""
        browser = Browser(self.server.port)
        browser.sign_in(username, PASSWORDS[username])
        browser.get(NEW)
        browser.reconnect()
        return Person(browser)

    def answered_by(self) -> Counter[int]:
        """The number of requests that each process has answered."""
        return Counter(int(pid) for pid in _PID.findall(self.log.read_text(errors="replace")))


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A database of the suite's kind with the practice users, and a sandbox."""
    data = folder / "sandbox.sqlite3"
    with SandboxServer(data=data) as sandbox, _database(folder) as url:
        yield Place(folder, url, sandbox, iter(add_orders(data, ORDERS)))


@contextmanager
def portal(place: Place, *, workers: int, threads: int, **environment: str) -> Iterator[Portal]:
    """Start gunicorn with the project's own configuration; yield when each process has answered."""
    port, log = free_port(), place.folder / f"portal-{uuid.uuid4().hex[:6]}.log"
    chosen = {"PORTAL_PORT": str(port), "WEB_WORKERS": str(workers), "WEB_THREADS": str(threads)}
    command = [str(BIN / "gunicorn"), "--config", "gunicorn.conf.py"]
    command += ["--access-logfile", "-", "--access-logformat", "access %(p)s %(m)s %(s)s"]
    with serving(
        [*command, "consumerportal.wsgi"],
        port=port,
        environment={**place.environment, **chosen, **environment},
        log=log,
    ) as server:
        started = Portal(server, log, place)
        wait_until(lambda: _all_answer(started, workers), START_SECONDS, "each process answers")
        yield started


def at_once(acts: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Run all calls at the same time, each in its own thread; return their results in order.

    A refused or cut connection is a result; any other error is raised.
    """
    start = threading.Barrier(len(acts))
    results: list[T | Exception] = [RuntimeError("did not end")] * len(acts)

    def do(number: int, act: Callable[[], T]) -> None:
        start.wait(START_SECONDS)
        try:
            results[number] = act()
        except (OSError, HTTPException) as error:
            results[number] = error

    threads = [threading.Thread(target=do, args=pair, daemon=True) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * START_SECONDS)
    for result in results:
        if isinstance(result, RuntimeError):
            raise result
    return results


def _all_answer(started: Portal, workers: int) -> bool:
    def ask() -> int:
        with Browser(started.server.port).tab() as tab:
            return tab.get("/healthz").status

    at_once([ask] * (4 * workers))
    return len(started.answered_by()) >= workers


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    if settings.DATABASES["default"]["ENGINE"] == "apps.core.sqlite":
        yield prepared.copy_file(folder)
        return
    with prepared.copied_database(prepared.suite_server()) as url:
        yield url
