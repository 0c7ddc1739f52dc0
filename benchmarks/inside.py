"""Measure one process of the portal from inside: ``python -m benchmarks.inside client`` or ``portal``.

Uses the database and the sandbox of the environment, reads the orders to use from standard input and writes
its figures to standard output, both as JSON. The benchmark of creates runs it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.contrib import auth
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.accounts.sign_in.session_store import SessionStore
from apps.cdp.attempt import utc_now
from apps.cdp.factory import get_client
from apps.consumers.forms.entry import Entry
from apps.consumers.sending import storing, submit
from apps.consumers.views import entry as entry_views
from tests.support.unique_entries import consumer, posted

NEW = "/consumers/new/"
AS_BROWSERS_DO = "application/x-www-form-urlencoded"
WARM_UP = 10
COUNT = 80
LIMIT = timedelta(seconds=30)
# The stages of one create: the owner and the name of a function, and a label. The time of a nested stage is
# subtracted from its caller's.
STAGES: list[tuple[Any, str, str]] = [
    (SessionStore, "load", "session read"),
    (auth, "get_user", "person read"),
    (entry_views, "actor_of", "roles read"),
    (Entry, "__init__", "form built"),
    (Entry, "is_valid", "form validated"),
    (submit, "_existing_submission", "existing submissions looked for"),
    (submit, "_list_before", "call before: the order's consumers"),
    (submit, "_store_submission", "transaction 1: row, digests, event"),
    (submit, "_send", "call: the create"),
    (storing, "store", "transaction 2: outcome, event"),
    (SessionStore, "save", "session written"),
]
REST = "the rest: middleware, routing, log, redirect"
WHOLE = "the whole create"


class Clock:
    """Adds up the seconds spent in each stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._below: list[float] = []

    def watch(self, owner: Any, name: str, label: str) -> None:
        """Time every later call of that function. Raises ``AttributeError`` if it does not exist."""
        function = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self._stage(label):
                return function(*args, **kwargs)

        setattr(owner, name, timed)

    @contextmanager
    def _stage(self, label: str) -> Iterator[None]:
        self._below.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.spent[label] = self.spent.get(label, 0.0) + took - self._below.pop()
            if self._below:
                self._below[-1] += took


def client_alone(orders: Iterator[str]) -> dict[str, Any]:
    """``calls``: the seconds of each create by the portal's client alone, over its pooled connection."""
    client, took = get_client(), []
    for number in range(WARM_UP + COUNT):
        order, new = next(orders), consumer()
        began = time.perf_counter()
        client.create_order_consumer(order, new, deadline=utc_now() + LIMIT)
        if number >= WARM_UP:
            took.append(time.perf_counter() - began)
    return {"calls": took}


def portal(orders: Iterator[str]) -> dict[str, Any]:
    """``pages``, ``queries`` (of a page, of a create) and ``stages``; see the functions."""
    browser = Client(headers={"host": "127.0.0.1"})
    browser.force_login(User.objects.get(username="sam"))
    return {
        "pages": pages(browser),
        "queries": [queries(lambda: browser.get(NEW)), queries(lambda: create(browser, next(orders)))],
        "stages": stages(browser, orders),
    }


def pages(browser: Client) -> list[tuple[float, float]]:
    """Wall and processor seconds of each empty form page, in the WSGI handler."""
    took = []
    for number in range(WARM_UP + 2 * COUNT):
        began, began_processor = time.perf_counter(), time.process_time()
        assert browser.get(NEW).status_code == 200
        if number >= WARM_UP:
            took.append((time.perf_counter() - began, time.process_time() - began_processor))
    return took


def create(browser: Client, order: str) -> None:
    """Post one create as a browser does. Raises ``AssertionError`` if it does not lead to a receipt."""
    answer = browser.post(NEW, urlencode(posted(order, consumer())), content_type=AS_BROWSERS_DO)
    assert answer.status_code == 303, answer.status_code
    assert answer["Location"].startswith("/submissions/"), answer["Location"]


def queries(act: Callable[[], object]) -> int:
    """The number of statements that the act sends to the database, without BEGIN and COMMIT."""
    count = 0

    def counted(execute: Any, *args: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*args)

    with connection.execute_wrapper(counted):
        act()
    return count


def stages(browser: Client, orders: Iterator[str]) -> dict[str, float]:
    """The median seconds of each stage of a create. All later calls in the process are timed."""
    for _ in range(WARM_UP):
        create(browser, next(orders))
    clock = Clock()
    for owner, name, label in STAGES:
        clock.watch(owner, name, label)
    spent: list[dict[str, float]] = []
    for _ in range(COUNT):
        clock.spent = {}
        began = time.perf_counter()
        create(browser, next(orders))
        elapsed = time.perf_counter() - began
        spent.append({**clock.spent, REST: elapsed - sum(clock.spent.values()), WHOLE: elapsed})
    labels = [*(label for *_, label in STAGES), REST, WHOLE]
    return {label: median(one.get(label, 0.0) for one in spent) for label in labels}


if __name__ == "__main__":
    figures = {"client": client_alone, "portal": portal}[sys.argv[1]]
    json.dump(figures(iter(json.load(sys.stdin))), sys.stdout)
