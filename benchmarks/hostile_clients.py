"""The form page while clients that never end what they began hold five hundred connections of one kind.

``BENCH_CLIENTS`` is the number of connections of a kind (500), ``BENCH_SECONDS`` how long each kind is
measured (20).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

from benchmarks import sandboxes
from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import machine, percentile, table
from benchmarks.pace import Timed, paced
from tests.support.hostile_clients import KINDS, attacking
from tests.support.http_browser import Answer, Browser
from tests.support.processes import ROOT, Server, run

RESULT = ROOT / "var" / "bench-hostile-clients.md"
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "500"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "20"))
PAGES_PER_SECOND = 5.0
ALL = "all at once"
LEAD_SECONDS = 3.0  # between the first of the clients and the first page that counts
PATIENCE_SECONDS = 10.0  # a page that takes longer counts as not answered
HEAD = (
    "clients",
    "idle: p50 / p95 ms",
    "answered",
    "p50 / p95 ms",
    "p95 : idle",
    "worst ms",
    "memory MB",
    "tracebacks",
)


def main() -> None:
    """Measure, print the table and write it to ``var/bench-hostile-clients.md``."""
    about = [machine() + f". {CLIENTS} connections of a kind; two processes with 64 threads each; SQLite."]
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sandbox = stack.enter_context(sandboxes.running(folder))
        environment = {
            "PORTAL_MODE": "practice",
            "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
            "CDP_BASE_URL": sandbox.address,
            "WEB_WORKERS": "2",
            "WEB_THREADS": "64",
            "DJANGO_SETTINGS_MODULE": "consumerportal.settings",
        }
        run([sys.executable, "manage.py", "prepare_practice"], environment, log=folder / "log")
        for words, kinds in {
            **{name: [kind] for name, kind in KINDS.items()},
            ALL: [*KINDS.values()],
        }.items():
            # Each kind meets a portal of its own, so that nothing is left of the one before.
            with portal(folder, environment) as server:
                person = signed_in(server)
                before = tracebacks(folder)
                print(f"{words} …", file=sys.stderr, flush=True)
                idle = asked_for(person)
                with attacking(server.port, *kinds, count=CLIENTS):
                    time.sleep(LEAD_SECONDS)
                    pages = asked_for(person)
                    resident = server.resident_bytes
                written = str(tracebacks(folder) - before)
                rows.append([words, *figures(idle, pages), f"{resident / 1e6:.0f}", written])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(["# Hostile clients", *about, table(HEAD, rows)]) + "\n")
    print(RESULT.read_text())


def signed_in(server: Server) -> Browser:
    """Somebody for whom every process has loaded the page."""
    person = Browser(server.port, timeout=PATIENCE_SECONDS)
    person.sign_in(*PERSON)
    person.reconnect()
    asked_for(person, seconds=3)
    return person


def asked_for(person: Browser, *, seconds: float = SECONDS) -> list[Timed]:
    """The form page, each time over a connection of its own."""

    def ask() -> Answer:
        with person.tab() as tab:
            return tab.get(NEW)

    return paced(ask, PAGES_PER_SECOND, seconds)


def figures(idle: list[Timed], pages: list[Timed]) -> list[str]:
    """p50 and p95 idle; then answered of asked, and of the answered p50 and p95, its ratio, and the worst."""
    before = [page.seconds * 1000 for page in idle]
    taken = [page.seconds * 1000 for page in pages if page.status == HTTPStatus.OK]
    answered = f"{len(taken)} of {len(pages)}"
    if not taken:
        return [_percentiles(before), answered, "–", "–", "–"]
    ratio = percentile(taken, 0.95) / percentile(before, 0.95)
    return [_percentiles(before), answered, _percentiles(taken), f"{ratio:.1f}", f"{max(taken):.0f}"]


def _percentiles(milliseconds: list[float]) -> str:
    return " / ".join(f"{percentile(milliseconds, share):.0f}" for share in (0.5, 0.95))


def tracebacks(folder: Path) -> int:
    """How many the portal's log has."""
    return (folder / "portal.log").read_text(errors="replace").count("Traceback")
