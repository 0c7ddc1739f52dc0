"""Server times of the list and the figures, in one process: ``python -m benchmarks.list_inside portal`` or
``admin``, with the number of requests for each kind of page in ``BENCH_REQUESTS``.

Uses the full database of the environment and writes to standard output, as JSON by request name, each
request's rows on the page and its seconds. The benchmark of the list runs it. ``BENCH_CLOCK=processor``
counts processor time, of this process and of PostgreSQL's, instead of elapsed time.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import TypedDict
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.test import Client

from apps.accounts.models import User
from apps.consumers.models import DigestKind, Outcome, Submission, SubmissionDigest
from apps.consumers.sending.digests import search_digest
from apps.core import clock
from apps.history.models import ChangedMoment, SavedView
from apps.history.totals.keeping import keep_totals
from benchmarks.clocks import request_clock
from tests.support.filled_database import COMMONEST, PEOPLE
from tests.support.searches import token

REQUESTS = int(os.environ["BENCH_REQUESTS"])  # for each kind of page
WARM_UP = 2
FEWEST, LONGEST_SECONDS = 6, 20.0
ROWS = re.compile(rb'<a href="/submissions/[0-9a-f-]{36}/')
COUNTED = re.compile(rb'<dd class="headline-number">\s*<[^>]+>([0-9,]+)<')
PERSON = "sue"  # a practice user who sees all submissions
LIST, FIGURES, START = "/submissions/", "/submissions/figures/", "/"
ADMIN_LIST, ADMIN_FIGURES = "/admin/consumers/submission/", "/admin/consumers/counted/"
SORTED = ("oldest", "slowest", "fastest")
CHANGED_DAYS = 5
Asked = Iterator[tuple[str, str, int]]


class Answers(TypedDict):
    """The answers to one request: rows on the page, or submissions that the figures count, and seconds."""

    rows: int
    seconds: list[float]


def of_portal() -> Asked:
    """The requests: name, address, and the minimum number of rows, or of submissions that figures count."""
    yield from ((name, f"{LIST}?{query}", least) for name, query, least in _of_list())
    yield from ((name, f"{FIGURES}?{query}", 1) for name, query in _of_figures())
    yield from _of_changed_days()
    yield from _of_saved_views()


def _of_figures() -> Iterator[tuple[str, str]]:
    """The figures, by name and filters."""
    [busy] = User.objects.filter(username="bench-00").values_list("pk", flat=True)
    year = f"since={clock.now().date() - dt.timedelta(days=364)}"
    yield "figures of a year", year
    yield "figures of the last 30 days", ""
    yield "figures of all time", "period=all"
    yield "figures of a year, rejected", f"{year}&outcome=rejected"
    yield "figures of a year, most active person", f"{year}&person={busy}"
    yield "figures of a year, error code", f"{year}&reason=busy"
    yield "figures of 30 days, 10 s or more (from rows)", "period=last-30-days&answered_from=10000"


def _of_changed_days() -> Asked:
    """The figures of a year before the worker has read some changed days of it again."""
    today = clock.now()
    moments = [today - dt.timedelta(days=360 * number // CHANGED_DAYS + 3) for number in range(CHANGED_DAYS)]
    notes = [ChangedMoment.objects.create(submitted_at=moment) for moment in moments]
    since = today.date() - dt.timedelta(days=364)
    yield f"figures of a year, {CHANGED_DAYS} changed days", f"{FIGURES}?since={since}", 1
    ChangedMoment.objects.filter(pk__in=[note.pk for note in notes]).delete()


def _counted(page: bytes) -> int:
    """The first headline number of a page of figures; 0 without one."""
    found = COUNTED.search(page)
    return int(found[1].replace(b",", b"")) if found else 0


def _of_saved_views() -> Asked:
    """The start page without and with ten counted views, and the list with each of these."""
    person = User.objects.get(username=PERSON)
    yield "start page", START, 0
    [busy] = User.objects.filter(username="bench-00").values_list("pk", flat=True)
    queries: list[dict[str, list[str]]] = [
        {"period": ["all"], "outcome": ["unknown"]},
        {"period": ["last-week"], "outcome": ["rejected", "not_sent"]},
        {"period": ["this-month"]},
        {"period": ["last-month"], "person": [str(busy)]},
        {"period": ["all"], "outcome": ["created"]},
        {"period": ["all"], "person": [str(busy)], "outcome": ["rejected"]},
        {"period": ["all"], "reason": ["busy"]},
        {"period": ["all"], "attention": ["doubtful"]},
        {"period": ["this-week"], "sort": ["slowest"]},
        {"period": ["last-30-days"], "answered_from": ["10000"]},
    ]
    views = [
        SavedView(owner=person, name=f"View {number}", query=query, columns=[], warn_above=0)
        for number, query in enumerate(queries)
    ]
    for view in views:
        view.save()
    yield "start page, counts of ten saved views", START, 0
    for view in views:
        query = urlencode({**view.query, "view": view.public_id}, doseq=True)
        yield f"saved view: {urlencode(view.query, doseq=True)}", f"{LIST}?{query}", 0
    SavedView.objects.filter(pk__in=[view.pk for view in views]).delete()


def _of_list() -> Asked:
    newest = Submission.objects.order_by("-submitted_at", "-id")
    rows = Submission.objects.count()
    middle = newest[rows // 2 : rows // 2 + 1].get()
    known = newest.filter(outcome=Outcome.CREATED)[rows // 3 : rows // 3 + 1].get()
    [gone] = User.objects.filter(username=f"bench-{PEOPLE - 1:02}").values_list("pk", flat=True)
    [busy] = User.objects.filter(username="bench-00").values_list("pk", flat=True)
    key = (middle.submitted_at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    common = _search(DigestKind.LAST_NAME, COMMONEST)
    yield "first page (last 30 days)", "", 1
    yield "first page of all", "period=all", 50
    yield "deep page (in the middle)", f"period=all&before={key}-{middle.pk}", 50
    for sort in SORTED:
        yield f"sorted: {sort}", f"period=all&sort={sort}", 50
        yield f"sorted: {sort}, outcome rejected", f"period=all&sort={sort}&outcome=rejected", 0
        yield f"sorted: {sort}, person, most active", f"period=all&sort={sort}&person={busy}", 0
    for outcome in (Outcome.CREATED, Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED):
        yield f"outcome {outcome}", f"period=all&outcome={outcome}", 0
    yield "outcome unknown", "period=all&outcome=unknown", 1
    yield "person, most active", f"period=all&person={busy}", 1
    yield "person, left two years ago", f"period=all&person={gone}", 0
    yield "order reference", f"order={known.order_ref.upper()}", 1
    yield "consumer reference", f"consumer={known.consumer_ref.upper()}", 1
    yield "guest reference", f"guest={known.guest_ref.upper()}", 1
    yield "error code", "period=all&reason=busy", 1
    yield "error code that there is not", "period=all&reason=http_599", 0
    yield "answered in 10 s or more", "period=all&answered_from=10000", 1
    for kind in DigestKind:
        digests = SubmissionDigest.objects.filter(kind=kind).order_by("-submission")
        rare = digests.exclude(digest=search_digest(DigestKind.LAST_NAME, COMMONEST))[rows // 4]
        yield f"exact {kind.label.lower()}", _search(kind, _value_of(rare)), 1
    yield "commonest last name (2 of 100 rows)", common, 1
    yield "pair: left two years ago, rejected", f"period=all&person={gone}&outcome=rejected", 0
    yield "pair: error code, person", f"period=all&person={busy}&reason=busy", 0
    yield "pair: commonest last name, left two years ago", f"{common}&person={gone}", 0


def _search(kind: DigestKind, value: str) -> str:
    """The part of an address that names a search of :data:`PERSON`."""
    return urlencode({"search": token(User.objects.get(username=PERSON), **{kind.value: value})})


def _value_of(digest: SubmissionDigest) -> str:
    """The value of the submission's consumer that has this digest."""
    consumer = digest.submission.consumer
    assert consumer is not None
    values = {
        DigestKind.EMAIL: consumer.emails,
        DigestKind.PHONE: consumer.phone_numbers,
        DigestKind.PASSPORT: (consumer.passport_number,),
        DigestKind.IDENTIFIER: tuple(one.id for one in consumer.identifiers),
        DigestKind.LAST_NAME: (consumer.last_name,),
    }
    kind = DigestKind(digest.kind)
    return next(value for value in values[kind] if search_digest(kind, value) == bytes(digest.digest))


def of_admin() -> Asked:
    """The same requests, as far as the admin supports them."""
    yield from ((name, f"{ADMIN_LIST}?{query}", 0) for name, query in _of_admin_list())
    [busy] = User.objects.filter(username="bench-00").values_list("pk", flat=True)
    year = f"submitted_at__gte={clock.now().date() - dt.timedelta(days=364)}"
    month = f"submitted_at__gte={clock.now().date() - dt.timedelta(days=29)}"
    yield "figures of a year", f"{ADMIN_FIGURES}?{year}", 0
    yield "figures of the last 30 days", f"{ADMIN_FIGURES}?{month}", 0
    yield "figures of all time", ADMIN_FIGURES, 0
    yield "figures of a year, rejected", f"{ADMIN_FIGURES}?{year}&outcome__exact=rejected", 0
    yield "figures of a year, most active person", f"{ADMIN_FIGURES}?{year}&actor__id__exact={busy}", 0


def _of_admin_list() -> Iterator[tuple[str, str]]:
    rows = Submission.objects.count()
    known = Submission.objects.filter(outcome=Outcome.CREATED).order_by("-pk")[rows // 3]
    yield "first page of all", ""
    yield "deep page (in the middle)", f"p={rows // 100}"
    for name, order in (("oldest", "1"), ("slowest", "-5"), ("fastest", "5")):
        yield f"sorted: {name}", f"o={order}"
    yield "outcome not_created", "outcome__exact=not_created"
    yield "order reference", f"q={known.order_ref}"


def main(who: str) -> None:
    """Send every request, with a few unmeasured ones first."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=PERSON))
    if who == "portal":
        keep_totals(now=clock.now())  # as the worker does
    client.get(LIST if who == "portal" else ADMIN_LIST)  # opens the connections
    seconds_now = request_clock()
    answers: dict[str, Answers] = {}
    for name, path, least in of_portal() if who == "portal" else of_admin():
        times: list[float] = []
        began = time.perf_counter()
        while len(times) < WARM_UP + REQUESTS:
            # Of requests that take seconds, a few are enough.
            if len(times) >= FEWEST and time.perf_counter() - began > LONGEST_SECONDS:
                break
            begin = seconds_now()
            answer = client.get(path)
            times.append(seconds_now() - begin)
        number = _counted(answer.content) if path.startswith(FIGURES) else len(ROWS.findall(answer.content))
        if answer.status_code != 200 or number < least:
            raise SystemExit(f"{name}: {answer.status_code}, {number} rows")
        answers[name] = {"rows": number, "seconds": times[min(WARM_UP, len(times) // 2) :]}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
