"""Measure the panel and creates in one process of the portal: ``python -m benchmarks.order_panel_inside``.

Uses the database and the sandbox of the environment and writes its figures to standard output as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.test import Client

from apps.accounts.models import User
from apps.cdp.exchange import Exchange
from apps.consumers.models import OrderReading
from sandbox.data.seed import CROWDED_ORDERS
from tests.support.unique_entries import consumer, posted

ROUNDS = 3
FORM = "application/x-www-form-urlencoded"


class Calls:
    """Counts the requests to the vendor."""

    def __init__(self) -> None:
        self.number = 0
        send = Exchange._send_once

        def counted(*args: object, **named: object) -> object:
            self.number += 1
            return send(*args, **named)  # type: ignore[arg-type]  # as they came

        Exchange._send_once = counted  # type: ignore[method-assign, assignment]  # counts calls


def timed(act: Callable[[], object], calls: Calls) -> tuple[float, float, int]:
    """Wall and processor milliseconds of an act, and its calls of the vendor."""
    began, processor, before = time.perf_counter(), time.process_time(), calls.number
    act()
    spent = (time.perf_counter() - began, time.process_time() - processor)
    return spent[0] * 1000, spent[1] * 1000, calls.number - before


def main() -> None:
    """Write one row of figures for each order: see ``benchmarks.order_panel.HEAD``."""
    calls, browser = Calls(), Client(headers={"host": "127.0.0.1"})
    browser.force_login(User.objects.get(username="sam"))

    def panel(order: str) -> None:
        assert browser.post("/orders/panel/", {"order_ref": order}).status_code == 200

    def create(order: str) -> None:
        # Another process has used the same numbers on this order.
        person = replace(consumer(), passport_number=uuid.uuid4().hex[:12].upper())
        answer = browser.post("/consumers/new/", urlencode(posted(order, person)), content_type=FORM)
        assert answer.status_code == 303, answer.status_code

    rows = []
    for order, size in CROWDED_ORDERS.items():
        panels, after, without = [], [], []
        for _ in range(ROUNDS):
            OrderReading.objects.all().delete()
            without.append(timed(lambda order=order: create(order), calls))  # type: ignore[misc]  # untyped
            panels.append(timed(lambda order=order: panel(order), calls))  # type: ignore[misc]  # untyped
            after.append(timed(lambda order=order: create(order), calls))  # type: ignore[misc]  # untyped
        rows.append(
            [
                size,
                *(round(median(one[index] for one in panels)) for index in (0, 1, 2)),
                *(round(median(one[index] for one in after)) for index in (0, 2)),
                *(round(median(one[index] for one in without)) for index in (0, 2)),
            ]
        )
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
