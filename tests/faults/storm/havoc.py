"""Faults of processes: killed, stopped, terminated, and the same for the database."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.faults.storm.world import World
from tests.support.supervised_processes import Service, send

STOPPED_SHORT, STOPPED_LONG = (0.1, 0.8), (1.5, 5.0)  # seconds: some within the limits of a call, some beyond
DATABASE_AWAY = (0.0, 2.0)  # seconds


class Havoc(threading.Thread):
    """Apply the faults one after the other, each after so many more entries."""

    def __init__(self, world: World, seed: int, *, progress: Callable[[], int], every: int) -> None:
        super().__init__(name="havoc", daemon=True)
        self.done: Counter[str] = Counter()
        self._world, self._progress, self._every = world, progress, every
        self._random = random.Random(f"havoc {seed}")
        self._over = threading.Event()

    def run(self) -> None:
        """Run until ended."""
        acts = self._planned()
        due = self._every
        while not self._over.wait(0.1):
            if self._progress() >= due:
                due = self._progress() + self._every
                name, act = next(acts)
                while not act():  # the process is being restarted
                    if self._over.wait(0.2):
                        return
                self.done[name] += 1

    def end(self) -> None:
        """End the faults; all processes run when this returns."""
        self._over.set()
        self.join()

    def _planned(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """The faults in order: first each required one, then all at random."""
        yield from ((name, act) for name, act in dict(self._acts()).items() if "kill -9" in name)
        while True:
            acts = self._acts()
            yield from self._random.sample(acts, len(acts))

    def _acts(self) -> list[tuple[str, Callable[[], bool]]]:
        kill, end = signal.SIGKILL, signal.SIGTERM
        acts: list[tuple[str, Callable[[], bool]]] = [
            *[("web worker: kill -9", lambda: send(self._web_worker(), kill))] * 4,
            *[("background worker: kill -9", lambda: send(self._worker().pid, kill))] * 3,
            ("web worker: SIGTERM", lambda: send(self._web_worker(), end)),
            *[("web worker: stopped for a moment", lambda: self._pause(self._web_worker(), STOPPED_SHORT))]
            * 2,
            *[
                (
                    "web worker: stopped beyond the limits",
                    lambda: self._pause(self._web_worker(), STOPPED_LONG),
                )
            ]
            * 2,
            ("web server: kill -9", lambda: send(self._portal().pid, kill)),
            ("web server: SIGTERM", lambda: send(self._portal().pid, end)),
            ("web server: SIGHUP", lambda: send(self._portal().pid, signal.SIGHUP)),
            ("background worker: SIGTERM", lambda: send(self._worker().pid, end)),
            ("background worker: stopped", lambda: self._pause(self._worker().pid, STOPPED_LONG)),
        ]
        if self._world.cluster:
            acts += [
                *[("database: stopped at once, started", lambda: self._lose_the_database(hard=False))] * 2,
                ("database: kill -9, started", lambda: self._lose_the_database(hard=True)),
            ]
        return acts

    def _web_worker(self) -> int:
        children = self._portal().children
        return self._random.choice(children) if children else 0

    def _portal(self) -> Service:
        return self._random.choice(self._world.portals)

    def _worker(self) -> Service:
        return self._random.choice(self._world.workers)

    def _pause(self, pid: int, between: tuple[float, float]) -> bool:
        if not send(pid, signal.SIGSTOP):
            return False
        time.sleep(self._random.uniform(*between))
        return send(pid, signal.SIGCONT)

    def _lose_the_database(self, *, hard: bool) -> bool:
        cluster = self._world.cluster
        assert cluster is not None
        if hard:
            cluster.kill()
        else:
            cluster.crash()
        time.sleep(self._random.uniform(*DATABASE_AWAY))
        cluster.start()
        return True
