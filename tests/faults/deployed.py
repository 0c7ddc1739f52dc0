"""The portal as it is deployed, beside a test: gunicorn with its processes, on a database of its own."""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from django.conf import settings

from apps.accounts.practice import PRACTICE_PEOPLE
from apps.sandbox.faults import Armed
from apps.sandbox.server import SandboxServer
from apps.sandbox.store import WireRequest
from benchmarks.browser import Answer, Browser
from benchmarks.sandboxes import add_orders
from benchmarks.servers import BIN, Server, free_port, run, serving
from tests.unit.consumers.entries import creates

NEW = "/consumers/new/"
ORDERS = 1000
START_SECONDS = 60.0
PASSWORDS = {person.username: person.password for person in PRACTICE_PEOPLE}
_PID = re.compile(r"^access <(\d+)> ", re.MULTILINE)
T = TypeVar("T")


@dataclass
class Place:
    """A prepared database, and the sandbox that every portal on it calls."""

    folder: Path
    database_url: str
    sandbox: SandboxServer
    _orders: Iterator[str] = field(repr=False)
    used: list[str] = field(default_factory=list, repr=False)

    def order(self) -> str:
        """An order that nobody has used."""
        self.used.append(next(self._orders))
        return self.used[-1]

    def answer_after(self, seconds: float) -> None:
        """Let every create from now on be done at once and answered that much later; 0 for at once."""
        self.sandbox.sandbox.faults.clear()
        if seconds:
            self.sandbox.sandbox.faults.arm(Armed("slow", times=1_000_000, seconds=seconds))

    def creates(self, order: str = "") -> list[WireRequest]:
        """The creates that went over the wire: for this order, or all."""
        return [request for request in creates(self.sandbox) if order in request.path]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        if self.database_url.startswith("sqlite"):
            with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"), timeout=20)) as file:
                return file.execute(statement).fetchall()
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()

    def outcomes(self) -> Counter[str]:
        """How many submissions have each outcome."""
        return Counter(outcome for [outcome] in self.rows("SELECT outcome FROM consumers_submission"))

    def submissions(self, outcome: str) -> list[str]:
        """The public ids of the submissions with this outcome."""
        rows = self.rows("SELECT public_id, outcome FROM consumers_submission")
        return [str(uuid.UUID(str(public_id))) for public_id, stored in rows if stored == outcome]

    def events(self, action: str) -> int:
        """How many events of this action there are."""
        return sum(told == action for [told] in self.rows("SELECT action FROM audit_event"))

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told: practice, with look-ups, so that a create has a call before it."""
        return {
            "PORTAL_MODE": "practice",
            "DATABASE_URL": self.database_url,
            "CDP_BASE_URL": self.sandbox.base_url,
            "CDP_RECONCILIATION": "true",
            "SPOOL_DIR": str(self.folder / "spool"),
            "STATIC_ROOT": str(self.folder / "static"),  # two that collect into one folder disturb each other
            "AUDIT_CHECKPOINT_FILE": str(self.folder / "checkpoints.jsonl"),
            "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        }


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in. Each request has a connection of its own, so it reaches any process."""

    browser: Browser

    def get(self, path: str) -> Answer:
        """The page at that path."""
        with self.browser.tab() as tab:
            return tab.get(path)

    def post(self, entry: dict[str, str]) -> Answer:
        """What comes back for the form with this entry."""
        with self.browser.tab() as tab:
            return tab.post(NEW, entry)


@dataclass(frozen=True, slots=True)
class Portal:
    """gunicorn, running."""

    server: Server
    log: Path

    def sign_in(self, username: str) -> Person:
        """Somebody of practice, with the form read once."""
        browser = Browser(self.server.port)
        browser.sign_in(username, PASSWORDS[username])
        browser.get(NEW)
        browser.reconnect()
        return Person(browser)

    def answered_by(self) -> Counter[int]:
        """How many requests each of its processes has answered."""
        return Counter(int(pid) for pid in _PID.findall(self.log.read_text(errors="replace")))


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A database of the suite's kind with the people of practice in it, and a sandbox."""
    data = folder / "sandbox.sqlite3"
    with SandboxServer(data=data) as sandbox, _database(folder) as url:
        prepared = Place(folder, url, sandbox, iter(add_orders(data, ORDERS)))
        run([sys.executable, "manage.py", "prepare_practice"], prepared.environment, log=folder / "log")
        yield prepared


@contextmanager
def portal(place: Place, *, workers: int, threads: int, **environment: str) -> Iterator[Portal]:
    """gunicorn with the project's own configuration, once each of its processes has answered."""
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
        started = Portal(server, log)
        wait_until(lambda: _all_answer(started, workers), START_SECONDS, "each process answers")
        yield started


def at_once(acts: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Do all at the same instant, each in a thread of its own; what came of each, in their order.

    A connection that was refused or cut is a result; any other error is raised.
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


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when it is true. Raises ``AssertionError`` saying what did not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"Not within {seconds:g} s: {what}"
        time.sleep(0.05)


def _all_answer(started: Portal, workers: int) -> bool:
    def ask() -> int:
        with Browser(started.server.port).tab() as tab:
            return tab.get("/healthz").status

    at_once([ask] * (4 * workers))
    return len(started.answered_by()) >= workers


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    suite = settings.DATABASES["default"]
    if suite["ENGINE"] == "django.db.backends.sqlite3":
        yield f"sqlite:///{folder / 'portal.sqlite3'}"
        return
    server = f"postgres://{suite['USER']}@{suite['HOST']}:{suite['PORT']}"
    name = f"deployed_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            with suppress(psycopg.Error):
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
