"""The storm of lists: people upload lists while every fault comes and processes are killed.

Exit code 1 if a promise is broken: each row sent once, none lost, none stuck.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.storm.havoc import Havoc
from tests.faults.storm.list_people import Uploader, Watcher
from tests.faults.storm.lists import Desk
from tests.faults.storm.logs import EXPECTED, exceptions
from tests.faults.storm.weather import Weather
from tests.faults.storm.world import DATABASES, World
from tests.support.supervised_processes import ROOT

BLOW_SECONDS = 0.4
QUICK_WORKER = ("-m", "tests.faults.storm.quick_worker")


@dataclass(frozen=True, slots=True)
class Options:
    """How large a storm is.

    ``most_seconds``: the limit for the storm. ``most_seconds_after``: for the people to end their lists when
    it is over, and again for what follows.
    """

    database: str
    lists: int
    rows: int
    people: int
    havocs: int
    seed: int
    most_seconds: float
    most_seconds_after: float
    quick: bool

    @classmethod
    def read(cls) -> Options:
        """Read the options from the command line."""
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
        parser.add_argument("--lists", type=int, default=50, help="on each database")
        parser.add_argument("--rows", type=int, default=200, help="of each list")
        parser.add_argument("--people", type=int, default=10)
        parser.add_argument("--havocs", type=int, default=60, help="about as many killings and stops")
        parser.add_argument("--seed", type=int, default=4)
        parser.add_argument("--most-seconds", type=float, default=3600.0)
        parser.add_argument("--most-seconds-after", type=float, default=3600.0)
        parser.add_argument("--quick", action="store_true", help="fewer checks, no file: for the suite")
        return cls(**vars(parser.parse_args()))


def main() -> int:
    """Run one storm in this process, or one on each database."""
    options = Options.read()
    # so that an interruption ends the started processes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.database != "both":
        return storm(options)
    results = []
    for database in DATABASES:
        command = [
            sys.executable,
            "-m",
            "tests.faults.storm.list_storm",
            *sys.argv[1:],
            "--database",
            database,
        ]
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                results.append(process.wait())
            except BaseException:
                process.terminate()  # gives it time to end its processes
                raise
    return max(map(bool, results))


def storm(options: Options) -> int:
    """Run people, weather and havoc; then wait until every list has ended, and compare."""
    environment = {"BATCH_ROWS_PER_SECOND": "50", "BATCH_THREADS": "4"}
    if options.quick:  # the last one after the latest work of the vendor
        environment["CDP_RECONCILIATION_AFTER"] = "0.3,1.5,6"
    with World(options.database, worker_command=QUICK_WORKER, environment=environment) as world:
        os.environ.update(world.environment)
        import django

        django.setup()
        logging.disable(logging.CRITICAL)  # of this process; the portal's own logs are in the folder
        people = _people(world, options)
        watcher = Watcher(
            world.rows, lambda: {batch: n for one in people for batch, n in [*one.rows.items()]}
        )
        weather = Weather(world.vendor, options.seed)
        every = max(options.lists * options.rows // max(options.havocs, 1), 1)
        havoc = Havoc(world, options.seed, progress=lambda: watcher.sent, every=every)
        world.serve()
        began = time.monotonic()
        over = threading.Event()
        blowing = threading.Thread(target=_blow, args=(weather, over), daemon=True)
        for thread in (*people, watcher, havoc, blowing):
            thread.start()
        _wait(people, lambda: watcher.sent >= options.lists * options.rows * 3 // 4, options.most_seconds)
        over.set()
        blowing.join()
        havoc.end()
        weather.end()
        calm = time.monotonic()
        for person in people:
            person.is_calm.set()
        _wait(people, lambda: False, options.most_seconds_after)
        _wait_until_resolved(world, options.most_seconds_after)
        watcher.end()
        facts = {
            "seconds of storm": round(calm - began),
            "seconds until all had ended": round(time.monotonic() - calm),
            "looks of the watcher": watcher.looks,
            "faults armed": weather.armed.total(),
        }
        return _reckoned(options, world, people, watcher, havoc.done, facts)


def _people(world: World, options: Options) -> list[Uploader]:
    from tests.faults.storm.list_pages import ListPages
    from tests.support.people import PASSWORD, make_person

    orders = world.add_orders(options.lists)
    desk = Desk()
    people = []
    for number in range(options.people):
        name = f"list-{number:02}"
        make_person(name, "staff")
        pages = ListPages(name, PASSWORD, world.ports[number % len(world.ports)], options.seed)
        own = [(orders[n], options.rows, 0) for n in range(number, options.lists, options.people)]
        people.append(Uploader(name, desk, pages, own, seed=options.seed))
    from django.db import connection

    connection.close()
    return people


def _blow(weather: Weather, over: threading.Event) -> None:
    while not over.wait(BLOW_SECONDS):
        weather.blow()


def _wait(people: Sequence[Uploader], enough: object, seconds: float) -> None:
    assert callable(enough)
    end = time.monotonic() + seconds
    while any(one.is_alive() for one in people) and not enough() and time.monotonic() < end:
        time.sleep(0.5)


def _wait_until_resolved(world: World, seconds: float) -> None:
    """Wait until nothing is being sent, no check is due and the spool is empty."""
    waiting = """SELECT count(*) AS n FROM consumers_submission
                 WHERE outcome = 'sending' OR next_check_at IS NOT NULL"""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        [row] = world.rows(waiting)
        if not row["n"] and not world.spooled():
            return
        time.sleep(0.5)


def _reckoned(
    options: Options,
    world: World,
    people: Sequence[Uploader],
    watcher: Watcher,
    havoc: Counter[str],
    facts: dict[str, int],
) -> int:
    from tests.faults.storm.list_account import compare_lists
    from tests.faults.storm.report import broken, table

    account = compare_lists(world.vendor.consumers(), world.vendor.requests(), world.spooled())
    account.note("people who could not go on", (line for one in people for line in one.problems))
    account.note("people who are not through", (one.name for one in people if one.is_alive()))
    account.note("the watcher saw", watcher.problems)
    found = exceptions(world)
    account.note("faults of ours in the logs", (name for name in found if not name.endswith(EXPECTED)))
    acts = sum((one.acts for one in people), Counter[str]())
    verdict = "Every promise held." if not account.problems else f"{len(account.problems)} PROMISES BROKEN."
    parts = [
        f"# The storm of lists on {world.database}",
        verdict,
        *(broken(what, lines) for what, lines in account.problems.items()),
        table(("", ""), ((name, str(count)) for name, count in {**facts, **account.facts}.items())),
        "## What people did",
        table(("what", "times"), sorted((name, str(count)) for name, count in acts.items())),
        "## What was done to the processes",
        table(("what", "times"), sorted((name, str(count)) for name, count in havoc.items())),
    ]
    text = "\n\n".join(parts) + "\n"
    if not options.quick:
        path = Path(ROOT, "var", f"faults-lists-{world.database}.md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    print(text, flush=True)
    if account.problems:
        world.keep = True
        print(f"The logs are in {world.folder}", flush=True)
    return int(bool(account.problems))


if __name__ == "__main__":
    sys.exit(main())
