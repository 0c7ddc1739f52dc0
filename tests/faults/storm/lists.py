"""Lists of people in a storm: uploaded, confirmed and controlled by the portal's own services.

``python -m tests.faults.storm.lists`` answers commands, one line of JSON each, with the database of its
environment.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import django

from tests.support.supervised_processes import ROOT

TRIES_SECONDS = 60.0


class Desk:
    """What people do with lists. A command is tried again while the database does not answer."""

    def ask(self, command: str, **facts: Any) -> dict[str, Any]:
        """What a command returns. Raises ``RuntimeError`` for any failure but an outage of the database."""
        end = time.monotonic() + TRIES_SECONDS
        while True:
            answer = self._answer(command, facts)
            if "unavailable" not in answer:
                break
            if time.monotonic() > end:
                raise RuntimeError(f"{command}: the database does not answer")
            time.sleep(0.2)
        if "failed" in answer:
            raise RuntimeError(f"{command}: {answer['failed']}")
        return answer

    def _answer(self, command: str, facts: dict[str, Any]) -> dict[str, Any]:
        """By this process, which needs Django with the database of the world."""
        return answer_of(command, facts)

    def upload(self, person: str, order: str, count: int, *, first: int = 0) -> str:
        """Store a list of people from this number on, check it, and return its id."""
        return str(self.ask("upload", person=person, order=order, count=count, first=first)["batch"])

    def confirm(self, batch: str) -> int:
        """Confirm what is ready; returns how many rows."""
        return int(self.ask("confirm", batch=batch)["rows"])

    def change(self, how: str, batch: str) -> str:
        """Pause, resume or stop a list, if its state allows it; returns its state."""
        return str(self.ask(how, batch=batch)["state"])

    def send_again(self, batch: str) -> int:
        """Let the rows that failed be ready again, and confirm them; returns how many were confirmed."""
        self.ask("send_again", batch=batch)
        return self.confirm(batch)

    def states(self, batch: str) -> Counter[str]:
        """How many rows are in each state."""
        return Counter(self.ask("states", batch=batch)["counts"])

    def state(self, batch: str) -> str:
        """The state of the list, with the reason if it is paused."""
        return str(self.ask("states", batch=batch)["state"])


class DeskOfItsOwn(Desk):
    """A desk in a process of its own, for tests, whose Django has another database. Thread-safe."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.storm.lists"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _answer(self, command: str, facts: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin is not None
            assert stdout is not None
            stdin.write(json.dumps({"command": command, **facts}) + "\n")
            stdin.flush()
            answer: dict[str, Any] = json.loads(stdout.readline())
        return answer


def answer_of(command: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command; ``unavailable`` or ``failed`` say why there is none."""
    from django.db import close_old_connections

    from apps.core.connections import is_database_unavailable

    try:
        return _commands()[command](**facts)
    except Exception as error:  # noqa: BLE001  # the answer says so
        unavailable = is_database_unavailable(error)
        return {"unavailable" if unavailable else "failed": f"{type(error).__name__}: {error}"}
    finally:
        close_old_connections()


@functools.cache
def _commands() -> dict[str, Callable[..., dict[str, Any]]]:
    from apps.accounts.models import User
    from apps.batches import selectors
    from apps.batches.changing.held_rows import NotChanged
    from apps.batches.changing.rows import send_again
    from apps.batches.checking.check import check_batch
    from apps.batches.models import Batch
    from apps.batches.sending import control
    from apps.cdp.factory import get_client
    from apps.consumers.models import CORRECTABLE_OUTCOMES
    from apps.core.actor import Actor
    from tests.support.batch_rows import batch_of, shown_rows
    from tests.support.batch_sending import people

    def actor(person: User) -> Actor:
        return Actor(id=str(person.pk), name=person.name, roles=person.roles)

    def find(batch: str) -> Batch:
        return Batch.objects.get(public_id=batch)

    def upload(person: str, order: str, count: int, first: int) -> dict[str, Any]:
        author = User.objects.get(username=person)
        made = batch_of(author, people(count, first=first), order=order)
        check_batch(made, client=get_client())
        return {"batch": str(made.public_id)}

    def confirm(batch: str) -> dict[str, Any]:
        found = find(batch)
        if not selectors.rows_to_confirm(found).exists():
            return {"rows": 0}
        author = actor(found.author)
        try:
            result = control.confirm(found, shown=shown_rows(found), actor=author, client=get_client())
        except (control.RowsChanged, control.NotInThisState):
            return {"rows": 0}
        return {"rows": result.rows}

    def changed_by(change: Callable[..., None]) -> Callable[[str], dict[str, Any]]:
        def run(batch: str) -> dict[str, Any]:
            found = find(batch)
            with suppress(control.NotInThisState):
                change(found, actor=actor(found.author))
            found.refresh_from_db()
            return {"state": found.state}

        return run

    def again(batch: str) -> dict[str, Any]:
        found = find(batch)
        failed = selectors.rows_of(found).filter(current__in=CORRECTABLE_OUTCOMES)
        with suppress(NotChanged):
            send_again(found, [*failed.values_list("number", flat=True)], actor=actor(found.author))
        return {}

    def states(batch: str) -> dict[str, Any]:
        found = find(batch)
        counts = {str(state): count for state, count in selectors.count_by_state(found).items() if count}
        state = f"{found.state} {found.pause_reason}".strip()
        return {"counts": counts, "state": state}

    return {
        "upload": upload,
        "confirm": confirm,
        "pause": changed_by(control.pause),
        "resume": changed_by(control.resume),
        "stop": changed_by(control.stop),
        "send_again": again,
        "states": states,
    }


def main() -> None:
    """Answer commands until the input ends."""
    django.setup()
    for line in sys.stdin:
        facts = json.loads(line)
        answer = answer_of(facts.pop("command"), facts)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
