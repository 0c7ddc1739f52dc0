"""``make faults``: a storm on each database, then the comparison; exit code 1 if a promise is broken."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.storm.entries import Pile
from tests.faults.storm.havoc import Havoc
from tests.faults.storm.people import Person
from tests.faults.storm.weather import Weather
from tests.faults.storm.world import DATABASES, World
from tests.support.supervised_processes import ROOT

PASSWORD = "a long walk in the rain"
QUICK_WORKER = ("-m", "tests.faults.storm.quick_worker")
TRACEBACK = "Traceback (most recent call last):"
# The first is logged while the database is down, the second when gunicorn ends a worker.
EXPECTED = ("OperationalError", "InterfaceError", "SystemExit")
SPARE_ORDERS = 1.5  # orders per entry: corrected entries need another one


@dataclass(frozen=True, slots=True)
class Options:
    """How large a storm is. ``most_seconds``: the limit for the people, and again for resolving."""

    database: str
    submissions: int
    people: int
    seed: int
    havocs: int
    quick: bool
    most_seconds: float
    clocks_apart: bool

    @classmethod
    def read(cls) -> Options:
        """Read the options from the command line."""
        parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
        parser.add_argument("--submissions", type=int, default=2000, help="on each database")
        parser.add_argument("--people", type=int, default=20, help="who post at the same time")
        parser.add_argument("--seed", type=int, default=4, help="fixes the order of faults and killings")
        parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
        parser.add_argument("--havocs", type=int, default=60, help="about as many killings and stops")
        parser.add_argument(
            "--quick", action="store_true", help="short margins, two checks, no file: for the suite"
        )
        parser.add_argument("--most-seconds", type=float, default=1800.0)
        parser.add_argument(
            "--clocks-apart", action="store_true", help="a second machine, 45 minutes ahead: PostgreSQL alone"
        )
        options = cls(**vars(parser.parse_args()))
        if options.clocks_apart and options.database != "postgresql":
            parser.error("--clocks-apart needs --database postgresql: on SQLite there is one machine")
        return options


def main() -> int:
    """Run one storm in this process, or several one after the other, each in a separate process."""
    options = Options.read()
    # so that an interruption ends the started processes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.database != "both":
        return storm(options)
    results = []
    for database in DATABASES:
        print(f"--- The storm on {database}", flush=True)
        command = [sys.executable, "-m", "tests.faults.storm", *sys.argv[1:], "--database", database]
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                results.append(process.wait())
            except BaseException:
                process.terminate()  # gives it time to end its processes
                raise
    return max(map(bool, results))


def storm(options: Options) -> int:
    """Run people, weather and havoc against one portal; then wait until all is resolved, and compare."""
    began = time.monotonic()
    command = QUICK_WORKER if options.quick else ("manage.py", "worker")
    environment = {"CDP_RECONCILIATION_AFTER": "0.3,1.5"} if options.quick else {}
    apart = options.clocks_apart
    with World(
        options.database, worker_command=command, environment=environment, clocks_apart=apart
    ) as world:
        _set_django_up(world)
        people = _people(
            world, options, pile := _pile(world, options), weather := Weather(world.vendor, options.seed)
        )
        every = max(options.submissions // max(options.havocs, 1), 1)
        havoc = Havoc(
            world, options.seed, progress=lambda: sum(len(p.pages_read) for p in people), every=every
        )
        world.serve()
        _say(f"ready after {time.monotonic() - began:.0f} s")
        storm_began = time.monotonic()
        with _raging(havoc, weather):
            _wait_for_people(people, options)
        storm_seconds = time.monotonic() - storm_began
        _say(f"calm after {storm_seconds:.0f} s; resolving")
        resolving_began = time.monotonic()
        _wait_until_resolved(world, options)
        facts: dict[str, object] = {
            "seed": options.seed,
            "people": options.people,
            "entries": pile.wanted,
            "faults armed": sum(weather.armed.values()),
            "kinds of them": len(weather.armed),
            "seconds of storm": round(storm_seconds),
            "seconds until all was resolved": round(time.monotonic() - resolving_began),
        }
        return _reckoned(options, world, people, havoc, facts)


def _pile(world: World, options: Options) -> Pile:
    orders = world.add_orders(int(options.submissions * SPARE_ORDERS) + 10)
    return Pile(orders, options.submissions, options.seed)


def _set_django_up(world: World) -> None:
    os.environ.update(world.environment)
    import django

    django.setup()
    logging.disable(logging.WARNING)  # of this process; the portal's own logs are in the folder


def _people(world: World, options: Options, pile: Pile, weather: Weather) -> list[Person]:
    """Create people who can sign in; one password hash for all, because each costs a second."""
    from django.contrib.auth.hashers import make_password

    from apps.accounts.models import User
    from tests.support.people import make_person

    names = [f"storm-{number:02}" for number in range(options.people)]
    for name in names:
        make_person(name, "staff", password="")
    User.objects.filter(username__in=names).update(password=make_password(PASSWORD))
    _leave_the_database()
    return [
        Person(name, PASSWORD, world.ports[number % len(world.ports)], pile, weather.blow, options.seed)
        for number, name in enumerate(names)
    ]


def _leave_the_database() -> None:
    """Close this process' connections: the database server is killed soon."""
    from django.db import connection

    connection.close()
    close_pool = getattr(connection, "close_pool", None)  # only PostgreSQL has a pool
    if close_pool is not None:
        close_pool()


@contextmanager
def _raging(havoc: Havoc, weather: Weather) -> Iterator[None]:
    havoc.start()
    try:
        yield
    finally:
        havoc.end()
        weather.end()


def _wait_for_people(people: list[Person], options: Options) -> None:
    for person in people:
        person.start()
    end = time.monotonic() + options.most_seconds
    last_report = time.monotonic()
    while any(person.is_alive() for person in people) and time.monotonic() < end:
        time.sleep(0.5)
        if time.monotonic() - last_report > 20:
            last_report = time.monotonic()
            _say(f"{sum(len(person.pages_read) for person in people)} entries through")
    for person in people:
        if person.is_alive():
            person.problems.append(f"{person.name} is not through after {options.most_seconds:.0f} s")


def _wait_until_resolved(world: World, options: Options) -> None:
    """Wait until nothing is being sent, no check is due and the spool is empty."""
    from django.db.models import Q

    from apps.consumers.models import Submission

    end = time.monotonic() + options.most_seconds
    while time.monotonic() < end:
        waiting = Submission.objects.filter(Q(outcome="sending") | Q(next_check_at__isnull=False)).count()
        if not waiting and not world.spooled() and world.is_healthy():
            return
        time.sleep(0.5)


def _reckoned(
    options: Options, world: World, people: list[Person], havoc: Havoc, facts: dict[str, object]
) -> int:
    from tests.faults.storm.account import compare_records
    from tests.faults.storm.report import report, unknown_ones
    from tests.faults.storm.rows import Wire

    account = compare_records(
        Wire.of(world.vendor.consumers(), world.vendor.requests()),
        [page for person in people for page in person.pages_read],
        [entry for person in people for entry in person.entries],
        world.spooled(),
    )
    account.note("people who could not go on", (problem for person in people for problem in person.problems))
    exceptions = _exceptions(world)
    account.note("faults of ours in the logs", (name for name in exceptions if not name.endswith(EXPECTED)))
    facts |= {f"in the logs: {name}": count for name, count in sorted(exceptions.items())}
    pages = sum((person.pages for person in people), Counter[str]())
    pages["given up"] = sum(len(person.given_up) for person in people)
    apart = "-clocks-apart" if options.clocks_apart else ""
    name = f"The storm on {world.database}{apart}"
    text = report(account, title=name, facts=facts, havoc=havoc.done, pages=pages)
    if not options.quick:
        path = Path(ROOT, "var", f"faults-storm-{world.database}{apart}.md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n{unknown_ones(account)}")
    print(text, flush=True)
    if account.problems:
        world.keep = True
        print(f"The logs are in {world.folder}", flush=True)
    return int(bool(account.problems))


def _exceptions(world: World) -> Counter[str]:
    """The exceptions at the end of each traceback in the logs, by kind of process."""
    found: Counter[str] = Counter()
    for service in (*world.portals, *world.workers):
        for block in service.log().split(TRACEBACK)[1:]:
            lines = [line for line in block.splitlines() if line.strip() and not line.startswith(" ")]
            if len(lines) > 1 and "exception" in lines[1]:
                continue  # the cause of the next traceback
            found[f"{service.name.split('-')[0]}: {lines[0].split(':')[0] if lines else '?'}"] += 1
    return found


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
