"""People who search for what others have entered, and who enter it again: it is found, and stopped."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.faults.storm.entries import Entry
from tests.faults.storm.people import (
    ACCEPTED,
    CSRF,
    ENTRY_TIMEOUT,
    NoPage,
    PageContents,
    Person,
    SignedOut,
    headline,
)

LIST = "/submissions/"
FOUND, STOPPED = "search: found", "repeat: asked whether it is meant"  # their names in the report
PAUSE = (0.2, 1.0)  # seconds between two inspections


class Inspector(Person):
    """A supervisor at one machine. ``entered`` returns a stored entry at random; None if there is none yet.

    ``missed`` are the searches and repeats with a wrong result.
    """

    def __init__(
        self,
        name: str,
        password: str,
        port: int,
        seed: int,
        entered: Callable[[random.Random], tuple[Entry, PageContents] | None],
    ) -> None:
        super().__init__(name, password, port, None, lambda: None, seed)
        self.missed: list[str] = []
        self._entered = entered
        self._over = threading.Event()

    def run(self) -> None:
        """Inspect until ended."""
        try:
            self.sign_in()
            while not self._over.wait(self._random.uniform(*PAUSE)):
                found = self._entered(self._random)
                if found is not None:
                    self._inspect(*found)
        except Exception as problem:  # noqa: BLE001  # the comparison reports it
            self.problems.append(f"{self.name}: {problem!r}")
        finally:
            self.leave()

    def end(self) -> None:
        """End after the present inspection."""
        self._over.set()

    def _inspect(self, entry: Entry, contents: PageContents) -> None:
        for act in (self._search, self._repeat):
            try:
                act(entry, contents)
            except SignedOut:
                self.sign_in()
            except NoPage:
                self.pages[f"{act.__name__.strip('_')}: no page"] += 1

    def _search(self, entry: Entry, contents: PageContents) -> None:
        kind, value = self._random.choice(
            [("last_name", entry.last_name), ("email", entry.email), ("identifier", entry.key)]
        )
        csrf = CSRF.search(self._get(LIST).text)
        assert csrf is not None
        answer = self._post(LIST, {"csrfmiddlewaretoken": csrf[1], f"search-{kind}": value})
        if answer.status_code != 303:
            self.missed.append(f"search {kind}: {answer.status_code}")
            return
        shown = self._get(answer.headers["Location"])
        if contents.submission not in shown.text:
            self.missed.append(f"search {kind}: {shown.status_code}, without {contents.submission}")
            return
        self.pages[FOUND] += 1

    def _repeat(self, entry: Entry, contents: PageContents) -> None:
        """Enter a consumer that exists again, in a new form. The page must stop it."""
        if headline(self._get(f"{LIST}{contents.submission}/").text) != "created":
            return  # the outcome may still become one after which a repeat is right
        path = "/consumers/new/"
        values = {**self._form(path), **entry.typed()}
        end = time.monotonic() + ENTRY_TIMEOUT
        while time.monotonic() < end:
            try:
                answer = self._post(path, values)
            except SignedOut:
                return
            except NoPage:
                time.sleep(self._random.uniform(*PAUSE))
                continue
            if answer.status_code == 303:
                self.missed.append(f"repeat of {contents.submission}: {answer.headers['Location']}")
            elif ACCEPTED.search(answer.text):
                self.pages[STOPPED] += 1
            else:
                self.pages[f"repeat: another page, {answer.status_code}"] += 1
            return
