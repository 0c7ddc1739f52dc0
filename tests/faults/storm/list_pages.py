"""Lists that people put in through the pages: upload, columns, confirmation, over HTTP."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from apps.cdp.consumers import NewConsumer
from tests.faults.storm.people import CSRF, NoPage, Person

LISTS, NEW = "/batches/", "/batches/new/"
TARGETS = ("first_name", "last_name", "date_of_birth", "emails")
_LIST = re.compile(r"/batches/([0-9a-f-]{36})/")
_SHOWN = re.compile(r'/confirm/".*?name="shown" value="([0-9a-f]+)"', re.DOTALL)


class ListPages(Person):
    """A browser for lists. What brought no page is looked for, and done again if needed."""

    def __init__(self, name: str, password: str, port: int, seed: int) -> None:
        super().__init__(name, password, port, None, lambda: None, seed)

    def put_in(self, order: str, people: Sequence[NewConsumer], known: set[str]) -> str:
        """Paste a list of people, choose its columns, and return its id once its rows are checked.

        ``known``: the person's other lists. Raises ``NoPage`` if no page comes for long.
        """
        # Headers that nobody has used, so that the columns are asked.
        headers = [f"{uuid.uuid4().hex[:8]}x" for _ in TARGETS]
        rows = [headers, *map(_cells, people)]
        table = "\n".join("\t".join(row) for row in rows)
        found = self._insist(lambda: self._upload(order, table, known))
        self._insist(lambda: self._choose_columns(found))
        return found

    def confirm(self, batch: str) -> None:
        """Confirm what the page shows as ready. Nothing if nothing is."""
        self._insist(lambda: self._confirm(batch))

    def lists(self) -> set[str]:
        """The ids of the person's lists."""
        return set(_LIST.findall(self._insist(lambda: self._get(LISTS)).text))

    def _upload(self, order: str, table: str, known: set[str]) -> str:
        if stored := set(_LIST.findall(self._get(LISTS).text)) - known:
            return str(min(stored))  # its answer was lost
        page = self._post(NEW, {**self._token(NEW), "order_ref": order, "table": table})
        assert page.status_code == 303, f"the upload is a {page.status_code}"
        found_in = _LIST.search(page.headers["Location"])
        assert found_in is not None
        return str(found_in[1])

    def _choose_columns(self, batch: str) -> None:
        address = f"{LISTS}{batch}/columns/"
        page = self._get(f"{LISTS}{batch}/")
        if page.status_code == 302:  # to its columns
            chosen = {f"column-{at}": target for at, target in enumerate(TARGETS)}
            answer = self._post(address, {**self._token(address), "has_headers": "yes", **chosen})
            assert answer.status_code == 303, f"the columns are a {answer.status_code}"
            page = self._get(f"{LISTS}{batch}/")
        if f'action="{LISTS}{batch}/check/"' in page.text:  # the database was lost meanwhile
            self._post(f"{LISTS}{batch}/check/", self._token(f"{LISTS}{batch}/"))

    def _confirm(self, batch: str) -> None:
        address = f"{LISTS}{batch}/"
        page = self._get(address)
        if shown := _SHOWN.search(page.text):
            self._post(f"{address}confirm/", {**self._token(address), "shown": shown[1]})

    def _token(self, path: str) -> dict[str, str]:
        """The CSRF token of a page."""
        found = CSRF.search(self._get(path).text)
        if found is None:
            raise NoPage
        return {"csrfmiddlewaretoken": found[1]}


def _cells(one: NewConsumer) -> list[str]:
    return [one.first_name, one.last_name, str(one.date_of_birth), one.emails[0]]
