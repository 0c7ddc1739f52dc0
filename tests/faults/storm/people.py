"""People who post the real form over HTTP, and who retry as people do if no page comes."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import requests

from tests.faults.storm.entries import Entry, Pile

T = TypeVar("T")
SIGN_IN = "/accounts/login/"
TIMES = (3.0, 40.0)  # seconds: to connect, and for a page
ENTRY_TIMEOUT = 150.0  # seconds for the attempts at one entry
DOUBLE_CLICK, OPEN_RECEIPT, CORRECT = 0.06, 0.15, 0.3  # shares
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
ACCEPTED = re.compile(r'name="accepted" value="([^"]+)"')
_ID = re.compile(r"(?:/submissions/|\?from=)([0-9a-f-]{36})")
_NOT_STORED = "Copy this page for an administrator. The outcome is in the log"
_REF = re.compile(r'<strong class="mono">([^<]+)</strong>')
HEADLINES = {
    "Consumer created": "created",
    "Rejected: ": "rejected",
    "Not sent: ": "not_sent",
    "Nothing was sent. You can send it again.": "not_sent",
    "We do not know whether the consumer was created": "unknown",
    "The consumer is being sent": "sending",
}


@dataclass(frozen=True, slots=True)
class PageContents:
    """The contents of a page: the outcome, if it shows one, the submission, the consumer's reference."""

    key: str
    outcome: str = ""
    submission: str = ""
    ref: str = ""


@dataclass(slots=True)
class _Content:
    """The part of a response that the form reader needs."""

    content: bytes


class NoPage(Exception):
    """No answer, or an error page: the person retries."""


class SignedOut(NoPage):
    """The sign-in page was returned."""


class Person(threading.Thread):
    """Takes entries from the pile and posts them, one after the other."""

    def __init__(
        self, name: str, password: str, port: int, pile: Pile | None, blow: Callable[[], None], seed: int
    ) -> None:
        """``blow`` is called before each first post. ``pile``: None for somebody who takes no entries."""
        super().__init__(name=name, daemon=True)
        self.double_clicks, self.receipt_share = DOUBLE_CLICK, OPEN_RECEIPT
        self.pages_read: list[PageContents] = []
        self.entries: list[Entry] = []
        self.pages: Counter[str] = Counter()
        self.given_up: list[str] = []
        self.problems: list[str] = []
        self._password, self._pile, self._blow = password, pile, blow
        self._base = f"http://127.0.0.1:{port}"
        self._random = random.Random(f"person {name} {seed}")
        self._session = requests.Session()
        self._session.trust_env = False

    def run(self) -> None:
        """Post entries until there are none left."""
        try:
            self.sign_in()
            pile = self._pile
            while pile is not None and (entry := pile.next()) is not None:
                contents = self.make(entry)
                if (
                    contents
                    and contents.outcome in ("rejected", "not_sent")
                    and self._random.random() < CORRECT
                ):
                    self.make(pile.correction(entry), f"?from={contents.submission}")
        except Exception as problem:  # noqa: BLE001  # the comparison reports it
            self.problems.append(f"{self.name}: {problem!r}")
        finally:
            self.leave()

    def sign_in(self) -> None:
        """Sign in; retry until it succeeds."""
        self._insist(self._sign_in)

    def come_with(self, other: Person) -> None:
        """Use the session of another signed-in browser."""
        self._session.cookies.update(other._session.cookies)

    def leave(self) -> None:
        """Close the browser."""
        self._session.close()

    def make(self, entry: Entry, query: str = "") -> PageContents | None:
        """Post one entry with the same form until a page shows its outcome; None if no page does."""
        self.entries.append(entry)
        path = f"/consumers/new/{query}"
        form = self._insist(lambda: self._form(path))
        values = {**form, **entry.typed()}
        self._blow()
        if self._random.random() < self.double_clicks:
            twice = threading.Thread(target=self._click_too, args=(path, dict(values)), daemon=True)
            twice.start()
        end = time.monotonic() + ENTRY_TIMEOUT
        while time.monotonic() < end:
            try:
                page = self._post(path, values)
            except SignedOut:
                self.sign_in()
                again = self._insist(lambda: self._form("/consumers/new/"))
                values["csrfmiddlewaretoken"] = again["csrfmiddlewaretoken"]
                continue
            except NoPage:
                time.sleep(self._random.uniform(0.2, 1.0))
                continue  # the same form again, as the browser offers
            contents = self._read(entry, page)
            if contents is not None:
                self.pages_read.append(contents)
                return contents
            accepted = ACCEPTED.search(page.text)
            if accepted:
                self.pages["asked whether it is meant"] += 1
                decision = {"accepted": accepted[1], "similar_reason": "other"}
                values = {**self._shown(page), **decision}
                continue
            self.pages["stopped: the same is open" if "entry" in page.text else "another page"] += 1
            break
        self.given_up.append(entry.key)
        return None

    def _read(self, entry: Entry, page: requests.Response) -> PageContents | None:
        """The contents of a page; None for the form with warnings."""
        if page.status_code == 303:
            found = _ID.search(page.headers["Location"])
            assert found is not None, page.headers["Location"]
            if "?from=" in page.headers["Location"]:
                return self._refused(entry, page.headers["Location"], found[1])
            self.pages["receipt"] += 1
            return self._receipt(entry, page.headers["Location"], found[1])
        if _NOT_STORED in page.text:
            self.pages["outcome, not stored yet"] += 1
            outcome, ref = headline(page.text), _REF.search(page.text)
            created = ref[1].strip() if ref and outcome == "created" else ""
            return PageContents(entry.key, outcome, ref=created)
        return None

    def _refused(self, entry: Entry, location: str, submission: str) -> PageContents:
        self.pages["form, filled"] += 1
        try:
            text = self._get(location).text
        except NoPage:
            return PageContents(entry.key, submission=submission)
        return PageContents(entry.key, headline(text), submission)

    def _receipt(self, entry: Entry, location: str, submission: str) -> PageContents:
        if self._random.random() > self.receipt_share:
            return PageContents(entry.key, submission=submission)
        try:
            text = self._get(location).text
        except NoPage:
            return PageContents(entry.key, submission=submission)
        return PageContents(entry.key, headline(text), submission)

    def _click_too(self, path: str, values: dict[str, str]) -> None:
        """Send the second click of a double click: the same form at the same time."""
        twin = requests.Session()
        twin.trust_env = False
        twin.cookies.update(self._session.cookies)
        try:
            twin.post(
                f"{self._base}{path}", data=values, timeout=TIMES, allow_redirects=False, headers=self._from()
            )
        except requests.RequestException:
            self.pages["no page"] += 1
        finally:
            twin.close()

    # --- Pages ------------------------------------------------------------------------------------------
    def _insist(self, act: Callable[[], T]) -> T:
        """Do it until a page comes. Raises ``NoPage`` if none comes for long."""
        end = time.monotonic() + ENTRY_TIMEOUT
        while True:
            try:
                return act()
            except SignedOut:
                self.sign_in()
            except NoPage:
                if time.monotonic() > end:
                    raise
                time.sleep(self._random.uniform(0.2, 1.0))

    def _sign_in(self) -> dict[str, str]:
        csrf = CSRF.search(self._get(SIGN_IN).text)
        assert csrf is not None
        form = {"login": self.name, "password": self._password, "csrfmiddlewaretoken": csrf[1]}
        page = self._post(SIGN_IN, form)
        assert page.status_code == 302, f"{self.name} is not let in: {page.status_code}"
        return {}

    def _form(self, path: str) -> dict[str, str]:
        page = self._get(path)
        assert page.status_code == 200, f"the form is a {page.status_code}"
        return self._shown(page)

    def _shown(self, page: requests.Response) -> dict[str, str]:
        from tests.support.entries import on_page  # needs Django, which is set up by now

        csrf = CSRF.search(page.text)
        assert csrf is not None
        return {**on_page(_Content(page.content)), "csrfmiddlewaretoken": csrf[1]}

    def _get(self, path: str) -> requests.Response:
        return self._page(
            lambda: self._session.get(f"{self._base}{path}", timeout=TIMES, allow_redirects=False)
        )

    def _post(self, path: str, values: dict[str, str]) -> requests.Response:
        return self._page(
            lambda: self._session.post(
                f"{self._base}{path}", data=values, timeout=TIMES, allow_redirects=False, headers=self._from()
            )
        )

    def _page(self, ask: Callable[[], requests.Response]) -> requests.Response:
        """A page with meaning. Raises ``NoPage``."""
        try:
            page = ask()
        except requests.RequestException:
            self.pages["no page"] += 1
            raise NoPage from None
        if page.status_code >= 500 and _NOT_STORED not in page.text:
            self.pages[f"error {page.status_code}"] += 1
            raise NoPage
        if page.status_code == 429:  # twenty people sign in at the same time, from one address
            self.pages["too many sign-ins at once"] += 1
            time.sleep(5)
            raise NoPage
        if page.status_code == 302 and page.headers["Location"].startswith(SIGN_IN):
            self.pages["sign-in, though nobody had signed out"] += 1
            raise SignedOut
        return page

    def _from(self) -> dict[str, str]:
        return {"Referer": f"{self._base}/consumers/new/"}


def headline(text: str) -> str:
    """The outcome that a page shows; empty if it shows none."""
    return next((outcome for words, outcome in HEADLINES.items() if words in text), "")
