"""Everything is killed while people type: each draft is there once, with what was confirmed.

The script confirms what was typed within two seconds (tests/javascript/drafts.test.js). So nothing older is
lost if no confirmed save is.
"""

from __future__ import annotations

import http.client
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from http import HTTPStatus

import pytest
from django.db import connection

from tests.faults.storm.world import World
from tests.support.entries import clean, posted
from tests.support.http_browser import Answer, Browser
from tests.support.prepared import for_children
from tests.support.supervised_processes import START_SECONDS, send
from tests.support.waiting import wait_for

# The processes use their own database; this fixture's only determines the kind. PostgreSQL is killed as well.
pytestmark = [pytest.mark.django_db, pytest.mark.processes("postgresql"), pytest.mark.xdist_group("killed")]

NEW = "/consumers/new/"
PEOPLE = {"sam": "practice-sam-2026", "sue": "practice-sue-2026"}
TABS = 2  # of each person
KILLS = 4
SAVES_BETWEEN_KILLS = 12  # of all tabs together
PATIENCE = 60.0  # seconds without a single answer
AUTHOR = re.compile(r'name="entry_of" value="([^"]+)"')
MARK = re.compile(r'name="draft" value="([^"]+)"')
DISCARD = re.compile(r"/consumers/drafts/([0-9a-f-]{36})/discard/")
LAST_NAME = re.compile(r'name="last_name" value="([^"]*)"')


@pytest.fixture(scope="module")
def world(django_db_setup: None) -> Iterator[World]:
    for_children()
    with World(connection.vendor, workers=1, environment={"CDP_RECONCILIATION": "false"}) as world:
        world.serve()
        yield world


class Tab(threading.Thread):
    """A page of the form: saves one text after the other, each until it is confirmed."""

    def __init__(self, person: Browser, name: str, order: str, over: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.confirmed = self.typed = 0
        self._person, self._order, self._over = person, order, over
        form = person.get(NEW).text
        [self.draft], [self.author] = MARK.findall(form), AUTHOR.findall(form)
        self.public_id, self._page = self.draft.split("/")[:2]
        self._version = 0

    def run(self) -> None:
        while not self._over.is_set():
            self.typed += 1
            answer = _until_answered(self._person, self._save)
            assert answer.status == 200, answer
            assert f'"draft": "{self.public_id}/' in answer.text, answer
            self.confirmed = self.typed

    def create(self) -> None:
        """Create the consumer, while the last save is repeated on another connection."""
        self.typed += 1
        form = {**self._values(), "token": self.public_id, "draft": self._mark()}
        with self._person.tab() as late:
            saving = threading.Thread(target=lambda: _until_answered(late, lambda: self._save(late)))
            saving.start()
            _until_answered(self._person, lambda: self._person.post(NEW, form))
            saving.join()

    def leave(self) -> None:
        """Close the connection."""
        self._person.reconnect()

    def _values(self) -> dict[str, str]:
        # Each has its own address: nobody is taken for somebody else.
        consumer = clean(first_name=self.name, last_name=f"Typed {self.typed}", emails=(f"{self.name}@a.ie",))
        return {key: value for key, value in posted(consumer, order=self._order).items() if key != "token"}

    def _mark(self) -> str:
        return f"{self.public_id}/{self._page}/0/{self._version}"

    def _save(self, browser: Browser | None = None) -> Answer:
        self._version += 1
        values = {**self._values(), "draft": self._mark(), "entry_of": self.author}
        return (browser or self._person).post(f"/consumers/drafts/{self.public_id}/", values)


def _until_answered(browser: Browser, send_once: Callable[[], Answer]) -> Answer:
    """The first answer that is no failure of the portal, as the script retries."""
    found: list[Answer] = []

    def is_answered() -> bool:
        try:
            answer = send_once()
        except (OSError, http.client.HTTPException):
            browser.reconnect()
            return False
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return False
        found.append(answer)
        return True

    assert wait_for(is_answered, PATIENCE)
    return found[0]


def _are_confirmed(tabs: list[Tab], count: int) -> bool:
    return sum(tab.confirmed for tab in tabs) >= count


def _kill(world: World, at: random.Random) -> None:
    """Kill all processes, or the web workers, or the database."""
    web = [world.portal.pid, *world.portal.children]
    targets = at.choice([web, web[1:], [*web, *(worker.pid for worker in world.workers)]])
    for pid in targets:
        send(pid, signal.SIGKILL)
    if world.cluster is not None and at.random() < 0.5:
        world.cluster.kill()
        world.cluster.start()


def _drafts_of(person: Browser) -> dict[str, str]:
    """The drafts on the start page: the last name in the form of each, by its id."""
    person.reconnect()
    ids = DISCARD.findall(_until_answered(person, lambda: person.get("/")).text)
    assert len({*ids}) == len(ids)
    found = {}
    for one in ids:
        page = _until_answered(person, partial(person.get, f"{NEW}?draft={one}"))
        found[one] = unescape(LAST_NAME.findall(page.text)[0])
    return found


def test_confirmed_drafts_survive_every_kill_once_and_for_their_author_only(world: World) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    at, over = random.Random(seed), threading.Event()
    [*orders] = world.add_orders(len(PEOPLE) * TABS)
    people = {name: Browser(world.port) for name in PEOPLE}
    tabs: dict[str, list[Tab]] = {}
    for name, password in PEOPLE.items():
        people[name].sign_in(name, password)
        tabs[name] = []
        for number in range(TABS):
            with people[name].tab() as connected:
                tabs[name].append(Tab(connected, f"{name}{number}", orders.pop(), over))
    every = [tab for one in tabs.values() for tab in one]
    for tab in every:
        tab.start()
    for kill in range(1, KILLS + 1):
        due = kill * SAVES_BETWEEN_KILLS + at.randrange(6)
        assert wait_for(partial(_are_confirmed, every, due), PATIENCE)
        confirmed = {tab.public_id: tab.confirmed for tab in every}
        _kill(world, at)
        assert wait_for(world.is_healthy, START_SECONDS)
        for name, person in people.items():
            kept = _drafts_of(person)
            assert {*kept} <= {tab.public_id for tab in tabs[name]}, name
            assert all(int(kept[one].split()[1]) >= confirmed[one] for one in kept if confirmed[one])
            assert {tab.public_id for tab in tabs[name] if confirmed[tab.public_id]} <= {*kept}
    over.set()
    for tab in every:
        tab.join(PATIENCE)
    creating = [threading.Thread(target=tab.create) for tab in every[::2]]
    for thread in creating:
        thread.start()
    _kill(world, at)
    for thread in creating:
        thread.join(2 * PATIENCE)
    assert wait_for(world.is_healthy, START_SECONDS)
    sent = {
        str(row["token"]).replace("-", "") for row in world.rows("SELECT token FROM consumers_submission")
    }
    assert sent == {tab.public_id.replace("-", "") for tab in every[::2]}
    for name, person in people.items():
        unsent = {tab.public_id: f"Typed {tab.typed}" for tab in tabs[name] if tab not in every[::2]}
        assert _drafts_of(person) == unsent
    for person in people.values():
        person.reconnect()
    for tab in every:
        tab.leave()
