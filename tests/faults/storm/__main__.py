"""``make faults``: a storm on each database, then the comparison; exit code 1 if a promise is broken."""

from __future__ import annotations

import argparse
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.options import PRACTICE_API_TOKEN
from tests.faults.storm.entries import Entry, Pile
from tests.faults.storm.havoc import Havoc
from tests.faults.storm.inspectors import Inspector
from tests.faults.storm.logs import EXPECTED, exceptions
from tests.faults.storm.people import PageContents, Person
from tests.faults.storm.rotation import RETIRED, Rotation, new_token, not_shown
from tests.faults.storm.weather import Weather
from tests.faults.storm.world import DATABASES, World
from tests.support.supervised_processes import ROOT

if TYPE_CHECKING:
    from tests.faults.storm.account import Account

PASSWORD = "a long walk in the rain"
QUICK_WORKER = ("-m", "tests.faults.storm.quick_worker")
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
    rotate: bool
    history: int

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
        parser.add_argument(
            "--rotate",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="two machines, whose keys are all replaced meanwhile",
        )
        parser.add_argument("--history", type=int, default=20_000, help="older rows, for the rotation")
        options = cls(**vars(parser.parse_args()))
        if options.clocks_apart and options.database != "postgresql":
            parser.error("--clocks-apart needs --database postgresql: on SQLite there is one machine")
        return replace(options, rotate=options.rotate and not options.clocks_apart)


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
    token = new_token()
    if options.rotate:
        # The vendor accepts both tokens, and inspectors search more often than people.
        environment |= {"SANDBOX_API_TOKEN": f"{PRACTICE_API_TOKEN},{token}", "SEARCHES_PER_HOUR": "1000000"}
        if options.quick:
            environment |= {"WORKER_SILENT_SECONDS": "5"}
    with World(
        options.database,
        worker_command=command,
        environment=environment,
        machines=2 if options.rotate else 1,
        clocks_apart=options.clocks_apart,
    ) as world:
        _set_django_up(world)
        before = _history(options.history) if options.rotate else 0
        weather, armed = Weather(world.vendor, options.seed), Counter[str]()
        pile = _pile(world, options)
        names = _add_people(world, options)
        people = _people(names, world, options, pile, weather)
        every = max(options.submissions // max(options.havocs, 1), 1)
        rotation, inspectors = None, list[Inspector]()
        if options.rotate:
            rotation = Rotation(
                world,
                token,
                seed=options.seed,
                quick=options.quick,
                progress=lambda: _through(people),
                begin_after=options.submissions // 10,
                most_seconds=options.most_seconds,
            )
            pile.goes_on = lambda: not rotation.is_over.is_set()
            inspectors = [
                Inspector(f"inspector-{port}", PASSWORD, port, options.seed, _entered_by(people))
                for port in world.ports
            ]
        havoc = Havoc(world, options.seed, progress=lambda: _through(people), every=every)
        world.serve()
        _say(f"ready after {time.monotonic() - began:.0f} s")
        storm_began = time.monotonic()
        with _raging(havoc, weather), _inspecting(inspectors):
            if rotation:
                rotation.start()
            _wait_for_people(people, options)
            if rotation:
                rotation.join()
        done = havoc.done
        if rotation:
            done = havoc.done + rotation.done
        # After a failed rotation the former keys are still needed, and the report is about what there is.
        if rotation and not rotation.problems:
            _say("the former keys leave the settings; the rest is entered with the new ones alone")
            rotation.give_up_former()
        if rotation and not rotation.problems:
            pile.wanted = pile.made + max(options.submissions // 20, 10)
            armed = weather.armed
            weather = Weather(world.vendor, options.seed + 1)
            others = _people(names, world, options, pile, weather)
            havoc = Havoc(world, options.seed + 1, progress=lambda: _through(others), every=every)
            more = [
                Inspector(f"inspector-{port}", PASSWORD, port, options.seed, _entered_by([*people, *others]))
                for port in world.ports
            ]
            with _raging(havoc, weather), _inspecting(more):
                _wait_for_people(others, options)
            people, inspectors, done = people + others, inspectors + more, done + havoc.done
        storm_seconds = time.monotonic() - storm_began
        _say(f"calm after {storm_seconds:.0f} s; resolving")
        resolving_began = time.monotonic()
        _wait_until_resolved(world, options)
        facts: dict[str, object] = {
            "seed": options.seed,
            "people": options.people,
            "entries": pile.made,
            "faults armed": (armed + weather.armed).total(),
            "kinds of them": len(armed + weather.armed),
            "seconds of storm": round(storm_seconds),
            "seconds until all was resolved": round(time.monotonic() - resolving_began),
        }
        return _reckoned(options, world, people, done, facts, rotation, inspectors, before)


def _through(people: Sequence[Person]) -> int:
    return sum(len(person.pages_read) for person in people)


def _entered_by(
    people: Sequence[Person],
) -> Callable[[random.Random], tuple[Entry, PageContents] | None]:
    """A function that returns an entry at random whose submission a page has shown."""

    def entered(chance: random.Random) -> tuple[Entry, PageContents] | None:
        person = chance.choice(people)
        shown = [contents for contents in person.pages_read if contents.submission]
        if not shown:
            return None
        contents = chance.choice(shown)
        return next(entry for entry in person.entries if entry.key == contents.key), contents

    return entered


@contextmanager
def _inspecting(inspectors: list[Inspector]) -> Iterator[None]:
    for inspector in inspectors:
        inspector.start()
    try:
        yield
    finally:
        for inspector in inspectors:
            inspector.end()
        for inspector in inspectors:
            inspector.join()


def _history(rows: int) -> int:
    """Add older submissions, so that writing them again takes a while; returns the key of the last."""
    from django.db import connection
    from django.db.models import Max

    from apps.consumers.models import Submission
    from tests.support.filled_database import fill

    fill(connection, rows, different=1000)
    last = Submission.objects.aggregate(last=Max("pk"))["last"] or 0
    _leave_the_database()
    return int(last)


def _pile(world: World, options: Options) -> Pile:
    orders = world.add_orders(int(options.submissions * SPARE_ORDERS) + (5000 if options.rotate else 10))
    return Pile(orders, options.submissions, options.seed)


def _set_django_up(world: World) -> None:
    os.environ.update(world.environment)
    import django

    django.setup()
    logging.disable(logging.WARNING)  # of this process; the portal's own logs are in the folder


def _add_people(world: World, options: Options) -> list[str]:
    """Create people who can sign in; one password hash for all, because each costs a second."""
    from django.contrib.auth.hashers import make_password

    from apps.accounts.models import User
    from tests.support.people import make_person

    names = [f"storm-{number:02}" for number in range(options.people)]
    inspectors = [f"inspector-{port}" for port in world.ports] if options.rotate else []
    for name in names:
        make_person(name, "staff", password="")
    for name in inspectors:
        make_person(name, "supervisor", password="")
    User.objects.filter(username__in=[*names, *inspectors]).update(password=make_password(PASSWORD))
    _leave_the_database()
    return names


def _people(
    names: Sequence[str], world: World, options: Options, pile: Pile, weather: Weather
) -> list[Person]:
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
    options: Options,
    world: World,
    people: list[Person],
    done: Counter[str],
    facts: dict[str, object],
    rotation: Rotation | None,
    inspectors: list[Inspector],
    before: int,
) -> int:
    from tests.faults.storm.account import compare_records
    from tests.faults.storm.report import report, unknown_ones
    from tests.faults.storm.rows import Wire

    if rotation:
        from tests.faults.storm.keys_account import have_keys_of

        have_keys_of(world.machines[0].environment)
    account = compare_records(
        Wire.of(world.vendor.consumers(), world.vendor.requests()),
        [page for person in people for page in person.pages_read],
        [entry for person in people for entry in person.entries],
        world.spooled(),
        after=before,
    )
    if rotation:
        _compare_keys(account, world, rotation, inspectors, facts)
    account.note("people who could not go on", (problem for person in people for problem in person.problems))
    found = exceptions(world)
    account.note("faults of ours in the logs", (name for name in found if not name.endswith(EXPECTED)))
    facts |= {f"in the logs: {name}": count for name, count in sorted(found.items())}
    pages = sum((person.pages for person in people), Counter[str]())
    pages["given up"] = sum(len(person.given_up) for person in people)
    apart = "-clocks-apart" if options.clocks_apart else ""
    name = f"The storm on {world.database}{apart}"
    text = report(account, title=name, facts=facts, havoc=done, pages=pages)
    if not options.quick:
        path = Path(ROOT, "var", f"faults-storm-{world.database}{apart}.md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n{unknown_ones(account)}")
    print(text, flush=True)
    if account.problems:
        world.keep = True
        print(f"The logs are in {world.folder}", flush=True)
    return int(bool(account.problems))


def _compare_keys(
    account: Account,
    world: World,
    rotation: Rotation,
    inspectors: list[Inspector],
    facts: dict[str, object],
) -> None:
    """What the rotation promises, with the new keys alone."""
    from tests.faults.storm import keys_account

    account.note("the rotation did not end", rotation.problems)
    seen = sum((one.pages for one in inspectors), Counter[str]())
    account.note("inspectors who could not go on", (one for each in inspectors for one in each.problems))
    account.note("a search or a guard missed", (one for each in inspectors for one in each.missed))
    facts |= {f"step: {one.name}": f"{one.seconds:.0f} s, {one.entries} entries" for one in rotation.steps}
    facts |= {f"inspectors: {name}": count for name, count in sorted(seen.items())}
    if rotation.problems:
        return  # the former keys are still needed
    account.note("this storm has shown too little", not_shown(rotation.done, seen))
    account.note("values that do not open with the new keys", keys_account.unreadable_values())
    account.note("values under another key", keys_account.values_under_another_key())
    account.note("digests that no search finds", keys_account.wrong_digests())
    labels = rotation.labels
    retired = [labels.former[kind] for kind in RETIRED if kind in labels.former]
    account.note("other keys in use or retired", keys_account.wrong_keys(labels.new, retired))
    # Once by the first start and once by --add; both kinds of rows are written again.
    wanted = {"keys.registered": 2, "keys.put_to_use": rotation.put_to_use}
    wanted |= {"keys.rewritten": 2, "keys.retired": len(RETIRED)}
    account.note("events of keys missing or doubled", keys_account.wrong_events(wanted))
    for machine in world.machines:
        rotation.output(machine, "audit_checkpoint")
    verdicts = [rotation.output(machine, "audit_verify") for machine in world.machines]
    account.note("the audit log does not verify", (text for code, text in verdicts if code))
    files = [Path(machine.environment["AUDIT_CHECKPOINT_FILE"]) for machine in world.machines]
    wrong = keys_account.files_with_other_keys(files, rotation.keys.ids_of_signing())
    account.note("files of checkpoints with other signing keys", wrong)
    facts["values that open with the new keys"] = keys_account.values()


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
