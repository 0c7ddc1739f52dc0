"""Server times of the list, in one process: ``python -m benchmarks.list_inside portal`` or ``admin``.

Uses the full database of the environment and writes the seconds of each request to standard output as JSON,
by request name. The benchmark of the list runs it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time
from collections.abc import Iterator
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
from tests.support.filled_database import COMMONEST, PEOPLE
from tests.support.searches import token

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60"))
WARM_UP = 5
ROWS = b'<a href="/submissions/'
PERSON = "sue"  # a practice user who sees all submissions


def of_portal() -> Iterator[tuple[str, str, int]]:
    """The requests: name, address, and the minimum number of rows."""
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


def of_admin() -> Iterator[tuple[str, str, int]]:
    """The same requests, as far as the admin supports them."""
    rows = Submission.objects.count()
    known = Submission.objects.filter(outcome=Outcome.CREATED).order_by("-pk")[rows // 3]
    yield "first page of all", "", 0
    yield "deep page (in the middle)", f"p={rows // 100}", 0
    yield "outcome not_created", "outcome__exact=not_created", 0
    yield "order reference", f"q={known.order_ref}", 0


def main(who: str) -> None:
    """Send every request, with a few unmeasured ones first."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=PERSON))
    path, asked = (
        ("/submissions/", of_portal) if who == "portal" else ("/admin/consumers/submission/", of_admin)
    )
    seconds: dict[str, list[float]] = {}
    for name, query, least in list(asked()):
        times = []
        for _ in range(WARM_UP + REQUESTS):
            begin = time.perf_counter()
            answer = client.get(f"{path}?{query}")
            times.append(time.perf_counter() - begin)
        if answer.status_code != 200 or answer.content.count(ROWS) < least:
            raise SystemExit(f"{name}: {answer.status_code}, {answer.content.count(ROWS)} rows")
        seconds[name] = times[WARM_UP:]
    json.dump(seconds, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
