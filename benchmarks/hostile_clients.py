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
from pathlib import Path

from benchmarks import sandboxes
from benchmarks.attacks import KINDS, attacking
from benchmarks.browser import Answer, Browser
from benchmarks.create import NEW, PERSON, portal
from benchmarks.figures import machine, percentile, table
from benchmarks.pace import Timed, paced
from benchmarks.servers import ROOT, Server, run

RESULT = ROOT / "var" / "bench-hostile-clients.md"
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "500"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "20"))
PAGES_PER_SECOND = 5.0
LEAD_SECONDS = 3.0  # between the first of the clients and the first page that counts
PATIENCE_SECONDS = 10.0  # a page that takes longer counts as not answered
HEAD = ("clients", "answered", "p50 ms", "p95 ms", "p95 : idle", "worst ms", "memory MB", "tracebacks")


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
        idle = 0.0
        chosen = {
            "none": [],
            **{name: [kind] for name, kind in KINDS.items()},
            "all at once": [*KINDS.values()],
        }
        for words, kinds in chosen.items():
            # Each kind meets a portal of its own: what one kind leaves behind is not another's.
            with portal(folder, environment) as server:
                person = signed_in(server)
                before = tracebacks(folder)
                print(f"{words} …", file=sys.stderr, flush=True)
                with attacking(server.port, *kinds, count=CLIENTS):
                    time.sleep(LEAD_SECONDS)
                    pages = asked_for(person)
                    resident = server.resident_bytes
                row = figures(pages, idle)
                idle = idle or percentile([page.seconds for page in pages], 0.95)
                rows.append([words, *row, f"{resident / 1e6:.0f}", str(tracebacks(folder) - before)])
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


def figures(pages: list[Timed], idle: float) -> list[str]:
    """Answered of asked; p50, p95, the ratio of that to ``idle`` (seconds), and the worst of the answered."""
    seconds = [page.seconds for page in pages if page.status == 200]
    answered = f"{len(seconds)} of {len(pages)}"
    if not seconds:
        return [answered, "–", "–", "–", "–"]
    p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
    ratio = f"{p95 / idle:.1f}" if idle else "1.0"
    return [answered, f"{p50 * 1000:.0f}", f"{p95 * 1000:.0f}", ratio, f"{max(seconds) * 1000:.0f}"]


def tracebacks(folder: Path) -> int:
    """How many the portal's log has."""
    return (folder / "portal.log").read_text(errors="replace").count("Traceback")
