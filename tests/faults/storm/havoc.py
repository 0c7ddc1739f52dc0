"""What happens to the processes: killed, stopped, told to end, and the database with them."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.faults.storm.world import World
from tests.support.supervised_processes import Service, send

STOPPED_SHORT, STOPPED_LONG = (0.1, 0.8), (1.5, 5.0)  # seconds, within the limits of a call and beyond
DATABASE_AWAY = (0.0, 2.0)  # seconds


class Havoc(threading.Thread):
    """Does one thing after the other, whenever so many entries more are through."""

    def __init__(self, world: World, seed: int, *, progress: Callable[[], int], every: int) -> None:
        super().__init__(name="havoc", daemon=True)
        self.done: Counter[str] = Counter()
        self._world, self._progress, self._every = world, progress, every
        self._random = random.Random(f"havoc {seed}")
        self._over = threading.Event()

    def run(self) -> None:
        """Until it is told to end."""
        acts = self._planned()
        due = self._every
        while not self._over.wait(0.1):
            if self._progress() >= due:
                due = self._progress() + self._every
                name, act = next(acts)
                while not act():  # nobody there to take the signal: one is being started just now
                    if self._over.wait(0.2):
                        return
                self.done[name] += 1

    def end(self) -> None:
        """No more of it; everything runs when this returns."""
        self._over.set()
        self.join()

    def _planned(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        """First what no storm may be without, however small it is; then all of it in any order."""
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
