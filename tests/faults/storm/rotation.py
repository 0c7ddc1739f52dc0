"""The keys are replaced during a storm, as docs/operating.md says, by processes that are killed at random.

Machine by machine: restarted with the new keys, ``rotate_keys --add``, ``--use``, the worker writes the rows
again, ``--retire``. ``SECRET_KEY`` changes by way of its fallbacks, and the vendor accepts two API tokens.
Every machine knows the public half of the new ``AUDIT_SIGNING_KEY`` before one of them signs with it.
"""

from __future__ import annotations

import base64
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from apps.audit.integrity import checkpoints
from consumerportal.practice_values import PRACTICE_VALUES
from tests.faults.storm.inspectors import FOUND, STOPPED
from tests.faults.storm.world import Machine, World
from tests.support.supervised_processes import ROOT, send

DIGEST, ENCRYPTION, MAC = "digest", "encryption", "audit_mac"
RETIRED = (ENCRYPTION, DIGEST)  # MAC keys are succeeded
LISTS = ("ENCRYPTION_KEYS", "DIGEST_KEYS", "AUDIT_MAC_KEYS")
QUICK_COMMAND = ("-m", "tests.faults.storm.quick_command")
COMMAND = ("manage.py",)
KILLED_AFTER = (0.4, 2.5)  # seconds after the start of a command: before, in and after its transaction
KILLED_OFTEN = 0.75  # share of the commands whose first process is killed
WORKER_KILLED = "worker that writes rows again: kill -9"
COMMAND_KILLED = ": kill -9"  # after "rotate_keys --use", for example
WORKER_KILLS = 8  # at most, while rows are written again
BETWEEN_KILLS = (0.3, 2.0)  # seconds
RETRY_SECONDS = 3.0
ALTERED = 2  # the exit code of audit_checkpoint if it does not sign


def new_token() -> str:
    """An API token that the vendor accepts beside the former one."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class NewKeys:
    """The new keys, and the settings of each step."""

    values: dict[str, str]
    signing: str
    secret: str
    token: str

    @classmethod
    def random(cls, token: str) -> NewKeys:
        """Fresh random keys. ``token``: the new API token."""
        values = {
            "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "DIGEST_KEYS": secrets.token_urlsafe(40),
            "AUDIT_MAC_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        signing = base64.b64encode(secrets.token_bytes(32)).decode()
        return cls(values, signing, secrets.token_urlsafe(50), token)

    def added(self, *, in_front: bool) -> dict[str, str]:
        """Both keys of each kind; their order has no meaning."""
        both = {
            name: ",".join(
                (self.values[name], PRACTICE_VALUES[name])
                if in_front
                else (PRACTICE_VALUES[name], self.values[name])
            )
            for name in LISTS
        }
        return {
            **both,
            "AUDIT_FORMER_PUBLIC_KEYS": _public(self.signing),
            "SECRET_KEY_FALLBACKS": self.secret,
        }

    def exchanged(self) -> dict[str, str]:
        """The new ``SECRET_KEY`` with the former one as fallback, the new signing key and API token."""
        return {
            "AUDIT_SIGNING_KEY": self.signing,
            "AUDIT_FORMER_PUBLIC_KEYS": _public(PRACTICE_VALUES["AUDIT_SIGNING_KEY"]),
            "SECRET_KEY": self.secret,
            "SECRET_KEY_FALLBACKS": PRACTICE_VALUES["SECRET_KEY"],
            "CDP_API_TOKEN": self.token,
        }

    def alone(self) -> dict[str, str]:
        """The new keys only; the former MAC key verifies signed events."""
        return {
            **self.values,
            "AUDIT_FORMER_MAC_KEYS": PRACTICE_VALUES["AUDIT_MAC_KEYS"],
            "SECRET_KEY_FALLBACKS": "",
        }

    def ids_of_signing(self) -> set[str]:
        """The ids of the former and of the new signing key, as checkpoints name them."""
        keys = map(checkpoints.signing_key, (PRACTICE_VALUES["AUDIT_SIGNING_KEY"], self.signing))
        return {checkpoints.key_id(key.public_key()) for key in keys}


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done: the seconds since the begin, and the entries that were through by then."""

    name: str
    seconds: float
    entries: int


@dataclass(slots=True)
class Labels:
    """The labels of the former and of the new key, by kind."""

    former: dict[str, str] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)


class Rotation(threading.Thread):
    """Replaces the keys of both machines. ``progress``: the number of entries that are through."""

    def __init__(
        self,
        world: World,
        token: str,
        *,
        seed: int,
        quick: bool,
        progress: Callable[[], int],
        begin_after: int,
        most_seconds: float,
    ) -> None:
        super().__init__(name="rotation", daemon=True)
        self.keys = NewKeys.random(token)
        self.labels = Labels()
        self.steps: list[Step] = []
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self.is_over = threading.Event()
        self.put_to_use = 0  # how often a key was
        self._world, self._progress, self._begin_after = world, progress, begin_after
        self._random = random.Random(f"rotation {seed}")
        self._command = QUICK_COMMAND if quick else COMMAND
        self._end = self._began = time.monotonic()
        self._most_seconds = most_seconds

    def run(self) -> None:
        """Take every step up to the retirement of the former keys."""
        self._began = time.monotonic()
        self._end = self._began + self._most_seconds
        try:
            self._wait(lambda: self._progress() >= self._begin_after, "no entries")
            self._step("entries under the former keys")
            for number, machine in enumerate(self._world.machines):
                machine.restart(self.keys.added(in_front=bool(number)))
                self._step(f"machine {number + 1} has the new keys")
            self._read_labels()
            self._add()
            for kind in self._random.sample((ENCRYPTION, DIGEST, MAC), 3):
                self._use(kind)
            for number, machine in enumerate(self._world.machines):
                self._sign(machine)  # so that its file has a checkpoint of the former key
                machine.restart(self.keys.exchanged())
                self._step(f"machine {number + 1} signs with the new keys, has the new token")
            self._see_rows_written()
            for kind in RETIRED:
                self._retire(kind)
        except Exception as problem:  # noqa: BLE001  # the comparison reports it
            self.problems.append(f"after {[step.name for step in self.steps][-1:]}: {problem!r}")
        finally:
            self.is_over.set()

    def give_up_former(self) -> None:
        """Leave only the new keys in the settings, machine by machine. Each signs the audit log before."""
        self._end = time.monotonic() + self._most_seconds
        try:
            for machine in self._world.machines:
                self._sign(machine)
            for number, machine in enumerate(self._world.machines):
                machine.restart(self.keys.alone())
                self._step(f"machine {number + 1} has the new keys only")
        except RuntimeError as problem:  # the comparison reports it
            self.problems.append(f"after {[step.name for step in self.steps][-1:]}: {problem}")

    def output(self, machine: Machine, *arguments: str) -> tuple[int, str]:
        """The exit code and the output of a management command on that machine."""
        done = subprocess.run(
            [sys.executable, *self._command, *arguments],
            cwd=ROOT,
            env={**os.environ, **machine.environment},
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with (self._world.folder / "commands.log").open("a") as log:
            log.write(f"{arguments} {done.returncode}\n{done.stdout}\n")
        return done.returncode, done.stdout

    # --- Steps ------------------------------------------------------------------------------------------
    def _read_labels(self) -> None:
        def read() -> bool:
            code, text = self.output(self._any_machine(), "rotate_keys")
            for line in text.splitlines():
                label, _, state = line.partition("  ")
                kind = label.partition(":")[0]
                if kind in (ENCRYPTION, DIGEST, MAC) and code == 0:
                    known = self.labels.new if state.startswith("not registered") else self.labels.former
                    known[kind] = label
            return len(self.labels.former) == len(self.labels.new) == 3

        self._wait(read, "the keys are not listed")

    def _add(self) -> None:
        new = {*self.labels.new.values()}
        self._until(("--add",), lambda: new <= self._registered())
        self._step("rotate_keys --add")

    def _use(self, kind: str) -> None:
        label = self.labels.new[kind]
        self.output(self._any_machine(), "rotate_keys", "--use", label, "--dry-run")
        self._until(("--use", label), lambda: self._in_use(kind) == label)
        self.put_to_use += 1
        self._step(f"rotate_keys --use {kind}")

    def _sign(self, machine: Machine) -> None:
        """Sign all events so far on that machine. Raises ``RuntimeError`` if the log was altered."""

        def signed() -> bool:
            code, text = self.output(machine, "audit_checkpoint")
            if code == ALTERED:
                raise RuntimeError(text)
            return code == 0

        self._wait(signed, "audit_checkpoint: see commands.log", pause=RETRY_SECONDS)

    def _see_rows_written(self) -> None:
        """Kill workers while they write rows again, until all are written."""
        killed = 0
        while True:
            rows = self._asked("SELECT started_at, finished_at FROM core_keyrewriting")
            if rows and all(row["finished_at"] for row in rows):
                break
            if time.monotonic() > self._end:
                raise RuntimeError(f"the rows are not written again: {rows}")
            begun = any(row["started_at"] and not row["finished_at"] for row in rows)
            if begun and killed < WORKER_KILLS:
                killed += 1
                for worker in self._world.workers:  # one of them has a batch in work
                    self.done[WORKER_KILLED] += send(worker.pid, signal.SIGKILL)
                time.sleep(self._random.uniform(*BETWEEN_KILLS))
            time.sleep(0.02)
        self._step("every row is written again")

    def _retire(self, kind: str) -> None:
        label = self.labels.former[kind]
        self._until(("--retire", label), lambda: label not in self._registered())
        self._step(f"rotate_keys --retire {kind}")

    def _until(self, arguments: tuple[str, ...], reached: Callable[[], bool]) -> None:
        """Run the command until the database says that it has done its work; its first process may be killed.

        A command that was killed after its commit is not run again: the second would be refused.
        """
        if self._random.random() < KILLED_OFTEN:
            self._killed(arguments)

        def try_it() -> bool:
            if reached():
                return True
            self.output(self._any_machine(), "rotate_keys", *arguments)
            return reached()

        self._wait(try_it, f"{arguments}: see commands.log", pause=RETRY_SECONDS)

    def _killed(self, arguments: tuple[str, ...]) -> None:
        with (self._world.folder / "commands.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *self._command, "rotate_keys", *arguments],
                cwd=ROOT,
                env={**os.environ, **self._any_machine().environment},
                stdout=log,
                stderr=log,
            )
        try:
            process.wait(self._random.uniform(*KILLED_AFTER))
            self.done[f"rotate_keys {arguments[0]}: ended before its kill"] += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.done[f"rotate_keys {arguments[0]}{COMMAND_KILLED}"] += 1

    # --- The database -----------------------------------------------------------------------------------
    def _registered(self) -> set[str]:
        rows = self._asked("SELECT kind, fingerprint FROM core_keyfingerprint WHERE retired_at IS NULL")
        return {_label(row) for row in rows}

    def _in_use(self, kind: str) -> str:
        [row] = self._asked(f"SELECT kind, fingerprint FROM core_keyinuse WHERE kind = '{kind}'")
        return _label(row)

    def _asked(self, statement: str) -> list[dict[str, Any]]:
        while True:
            try:
                return self._world.rows(statement)
            except psycopg.OperationalError:  # the database is being killed as well
                if time.monotonic() > self._end:
                    raise
                time.sleep(0.2)

    # --- Little things ----------------------------------------------------------------------------------
    def _any_machine(self) -> Machine:
        return self._random.choice(self._world.machines)

    def _step(self, name: str) -> None:
        self.steps.append(Step(name, time.monotonic() - self._began, self._progress()))

    def _wait(self, true: Callable[[], bool], what: str, *, pause: float = 0.5) -> None:
        while not true():
            if time.monotonic() > self._end:
                raise RuntimeError(what)
            time.sleep(pause)


def not_shown(done: Mapping[str, int], pages: Mapping[str, int]) -> list[str]:
    """What a storm with a rotation has to do or see at least once, and did not: else its result says nothing.

    ``done``: what was done to processes; ``pages``: what the inspectors saw; both with the number of times.
    """
    commands = [what for what in done if what.startswith("rotate_keys ") and what.endswith(COMMAND_KILLED)]
    times = {
        "no search found its submission": pages.get(FOUND, 0),
        "no repeat was stopped": pages.get(STOPPED, 0),
        "no command was killed": sum(done[what] for what in commands),
        "no worker was killed while it wrote rows again": done.get(WORKER_KILLED, 0),
    }
    return [what for what, count in times.items() if not count]


def _public(signing: str) -> str:
    """The public half of a signing key, as ``AUDIT_FORMER_PUBLIC_KEYS`` contains it."""
    key = checkpoints.signing_key(signing).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def _label(row: Mapping[str, Any]) -> str:
    return f"{row['kind']}:{row['fingerprint'][:16]}"
