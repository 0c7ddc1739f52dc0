"""The personal data that the stories type, and the places that may not contain any of it afterwards.

All free text about a consumer, or typed by mistake, contains a marker of this run: 20 random letters. Dates
of birth and phone numbers have no letters; they are searched as typed and as sent.

Not searched: titles, genders and countries (closed lists); names and user names of the portal's own users,
which the audit log contains; identity rules (configuration); the sandbox's data, because they are the
vendor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from tests.support.markers import Markers, database_bytes, rows

TYPED = Markers(
    {
        "date of birth as typed": "7 3 1991",
        "date of birth as shown": "7 march 1991",
        "date of birth as sent": "1991-03-07",
        "phone number as typed": "087 123 4567",
        "phone number as sent": "353871234567",
        "second phone number as typed": "20 7946 0018",
        "second phone number as sent": "442079460018",
    }
)
# The search for an order is sent by GET, so its text is in the address of that page.
SEARCHED = ("search for an order number", "search by mistake")


class Traces:
    """The data that the portal leaves behind during the tests, and the typed text found in them.

    ``folder`` contains the logs; ``seen`` the addresses that the browser requested, with their referrers.
    """

    def __init__(self, folder: Path, typed: Markers = TYPED) -> None:
        self.folder = folder
        self.portal_log = folder / "portal.log"
        self.worker_log = folder / "worker.log"
        self.printed = folder / "printed.log"
        self.of_sandbox: list[str] = []
        self.seen: list[str] = []
        self._typed = typed
        self._found: dict[str, str] = {}

    def note_printed(self, *texts: str) -> None:
        """Store the standard output and error of a process beside its log."""
        with self.printed.open("a") as file:
            file.writelines(texts)

    def search_after_a_test(self) -> None:
        """Search every row, the database files and the spool, before the tables are emptied."""
        self._search("a row", rows())
        for where, content in database_bytes():
            self._search_text(where, content)
        self._search_files(settings.SPOOL_DIR)

    def search_after_all(self) -> None:
        """Search the logs, the addresses, the portal's files in ``var``, and the database file once more."""
        self._search_files(self.folder)
        self._search_files(settings.BASE_DIR / "var")
        self._search("the log of the sandbox", self.of_sandbox)
        self._search("an address", self.seen, but=SEARCHED)
        for where, content in database_bytes():
            self._search_text(where, content)
        # A search of empty files would prove nothing.
        assert not self.seen or b"request_finished" in self.portal_log.read_bytes()

    def found(self) -> list[str]:
        """The findings since the last call: marker, place, and the beginning of the text there."""
        found = [f"{what}: {text}" for what, text in self._found.items()]
        self._found = {}
        return found

    def _search_files(self, folder: Path) -> None:
        for file in _files(folder):
            self._search(f"the file {file.name}", file.read_bytes().splitlines())

    def _search(self, where: str, texts: Iterable[str | bytes], *, but: Iterable[str] = ()) -> None:
        for text in texts:
            self._search_text(where, text, but=but)

    def _search_text(self, where: str, text: str | bytes, *, but: Iterable[str] = ()) -> None:
        for name in self._typed.found_in(text):
            if name not in but:
                self._found.setdefault(f"{name} in {where}", str(text[:300]))


def _files(folder: Path) -> Iterator[Path]:
    # These folders may also contain the portal's static files and the vendor's data.
    others = ("static/", "sandbox")
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not str(file.relative_to(folder)).startswith(others):
            yield file
