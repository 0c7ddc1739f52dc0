"""Server times of the audit log's pages in one process: ``python -m benchmarks.audit_pages_inside
portal``.

``fill ROWS`` fills the log first. ``admin`` measures the Django admin. Prints the seconds of each request as
JSON, by request name: the time in the WSGI handler, with all work for a page.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.test import Client

from apps.accounts.audit_events import PERSON_PASSWORD_SET
from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.audit.registry import EventGroup, EventOutcome
from apps.consumers.audit_events import CONSUMER_CREATED
from benchmarks.clocks import request_clock
from tests.support import audit_rows

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60"))
WARM_UP = 3
REQUEST_TIME_LIMIT = 20.0  # seconds for one request; after that, fewer samples are taken
DEEP = 100_000  # rows before the deep page
PERSON = "ada"  # of practice: an administrator
MARKS = {"portal": b'<a href="/audit/', "admin": b'class="field-at'}


def asked_of_portal() -> Iterator[tuple[str, Mapping[str, object], int]]:
    """The requests: name, query, and the minimum number of rows."""
    last = AuditEvent.objects.order_by("-seq").values_list("seq", flat=True)[0]
    created = CONSUMER_CREATED.name
    known = AuditEvent.objects.filter(action=created, seq__gte=last // 2).order_by("seq")[0]
    day = dt.datetime.fromtimestamp(known.time / 1e6, dt.UTC).date()
    person, rare = {"person": "1"}, {"action": PERSON_PASSWORD_SET.name}
    left, common = {"person": str(audit_rows.LEFT)}, {"action": created}
    address, failures = {"address": "192.0.2.3"}, {"failures": "1"}
    heavy, dates = {"reference": audit_rows.HEAVY_ORDER}, {"since": day, "until": day}
    yield "first page", {}, 50
    yield "page after 100,000 rows, or in the middle", {"before": last - min(DEEP, last // 2)}, 50
    yield "last page", {"sort": "oldest"}, 50
    yield "a day", dates, 1
    yield (
        "until the first day",
        {"until": dt.datetime.fromtimestamp(audit_rows.START / 1e6, dt.UTC).date()},
        50,
    )
    yield "person", person, 50
    yield "person who left", left, 1
    yield "nobody", {"person": "no-such-person"}, 0
    yield "done to", {"account": "3"}, 1
    yield "action", common, 50
    yield "rare action", rare, 1
    yield "client address", address, 10
    session = {"session": audit_rows.session_of(1)}
    yield "session", session, 10
    yield "failures and denials", failures, 10
    for group in EventGroup:
        yield f"group {group.value}", {"group": group.value}, 0
    for outcome in EventOutcome:
        yield f"outcome {outcome.value}", {"outcome": outcome.value}, 0
    yield "reference of a consumer", {"reference": known.consumer_ref}, 1
    yield "reference of a large order", heavy, 50
    yield "pair: person, action", {**person, **common}, 10
    yield "pair: person, rare action", {**person, **rare}, 0
    yield "pair: action, failures: never both", {**common, **failures}, 0
    yield "pair: person, outcome denied", {**person, "outcome": "denied"}, 0
    yield "pair: person who left, failures", {**left, **failures}, 0
    yield "pair: person who left, last day", {**left, "since": day}, 0
    yield "pair: person, failures", {**person, **failures}, 1
    yield "pair: person, client address", {**person, **address}, 1
    yield "pair: large order, failures", {**heavy, **failures}, 0
    yield "pair: large order, person", {**heavy, **person}, 1
    yield "pair: session, action", {**session, **common}, 1
    yield "pair: failures, a day", {**failures, **dates}, 1


def asked_of_admin() -> Iterator[tuple[str, Mapping[str, object], int]]:
    """The same requests, as far as the admin supports them."""
    last = AuditEvent.objects.order_by("-seq").values_list("seq", flat=True)[0]
    yield "first page", {}, 50
    yield "page after 100,000 rows, or in the middle", {"p": min(DEEP, last // 2) // 50}, 50
    yield "person", {"actor_id": "1"}, 50
    yield "person who left", {"actor_id": str(audit_rows.LEFT)}, 1
    yield "action", {"action": CONSUMER_CREATED.name}, 50
    yield "rare action", {"action": PERSON_PASSWORD_SET.name}, 1
    yield "client address", {"client_address": "192.0.2.3"}, 10
    yield "failures and denials", {"failure__exact": "1"}, 10
    yield "reference of a large order", {"order_ref": audit_rows.HEAVY_ORDER}, 50
    both = {"actor_id": str(audit_rows.LEFT), "failure__exact": "1"}
    yield "pair: person who left, failures", both, 0


def main(who: str) -> None:
    """Send every request, with a few unmeasured ones first."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=PERSON))
    path, asked = {
        "portal": ("/audit/", asked_of_portal),
        "admin": ("/admin/audit/auditevent/", asked_of_admin),
    }[who]
    client.get(path)  # opens the connections
    seconds_now = request_clock()
    seconds: dict[str, list[float]] = {}
    for name, query, least in list(asked()):
        times: list[float] = []
        began = time.perf_counter()
        for _ in range(WARM_UP + REQUESTS):
            begin = seconds_now()
            answer = client.get(f"{path}?{urlencode(query)}")
            times.append(seconds_now() - begin)
            if time.perf_counter() - began > REQUEST_TIME_LIMIT and len(times) >= 2 * WARM_UP:
                break
        rows = answer.content.count(MARKS[who])
        if answer.status_code != 200 or rows < least:
            raise SystemExit(f"{name}: {answer.status_code}, {rows} rows")
        seconds[name] = times[WARM_UP:]
    json.dump(seconds, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        audit_rows.fill(int(sys.argv[2]))
        json.dump(None, sys.stdout)
    else:
        main(sys.argv[1])
