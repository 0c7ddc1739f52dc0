"""Server times of access reports in one process: ``python -m benchmarks.access_report_inside ask``.

``fill ROWS`` fills the log first, with the submissions of its events and the index of what its lists showed.
Prints the seconds of each request as JSON, by what was asked.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys
import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consumerportal.settings")

import django
from django.apps import apps

if not apps.ready:
    django.setup()  # before the portal is imported

from django.db import connection, transaction
from django.test import Client

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.consumers.audit_events import CONSUMER_CREATED, CONSUMER_REJECTED, SUBMISSIONS_LISTED
from apps.consumers.models import DigestKind, Outcome, ShownRange, Submission, SubmissionDigest, level_of
from apps.consumers.recording import index_keys, index_range, key_of
from apps.consumers.sending.digests import search_digest
from apps.core.actor import Actor
from apps.core.bulk_writing import insert_rows
from apps.history.audit_events import EXPORT_FINISHED, EXPORT_STARTED
from apps.history.exports.shown_ranges import EXPORT_KEY
from benchmarks.clocks import request_clock
from tests.support import audit_rows

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60"))
WARM_UP = 3
PERSON = "ada"  # of practice: an administrator
SHARING = 20  # submissions of one frequent traveller
AT_ONCE = 5_000
EXPORTS = int(os.environ.get("BENCH_EXPORTS", "3000"))  # completed, of which half contained everybody


def fill(count: int) -> None:
    """The log, a submission for each consumer in it, and a range of fifty rows for each list."""
    audit_rows.fill(count)
    ended = AuditEvent.objects.filter(action__in=(CONSUMER_CREATED.name, CONSUMER_REJECTED.name))
    named = ended.order_by("seq").values_list("submission", "order_ref", "consumer_ref", "guest_ref", "time")
    person = User.objects.get(username=PERSON)
    for part in _parts(enumerate(named.iterator(AT_ONCE), start=1)):
        with transaction.atomic():
            made = Submission.objects.bulk_create(_submission(person, *one) for one in part)
            digests = [(one.pk, *_digest(one.pk)) for one in made]
            insert_rows(SubmissionDigest, ["submission", "kind", "digest"], digests)
    lists = AuditEvent.objects.filter(action=SUBMISSIONS_LISTED.name).order_by("seq")
    for part in _parts(enumerate(lists.values_list("seq", flat=True).iterator(AT_ONCE), start=1)):
        ranges = [(seq, max(number - 49, 1), number) for number, seq in part]
        rows = [(seq, 0, level_of(low, high), low, high) for seq, low, high in ranges]
        insert_rows(ShownRange, ["seq", "owner", "level", "first", "last"], rows)
    _export(person, EXPORTS)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _export(person: User, number: int) -> None:
    """Exports of everything by a filter that a submission cannot match for certain, each with its end."""
    newest = Submission.objects.order_by("-pk").values_list("pk", flat=True)[0]
    actor = Actor(id=str(person.pk), name=person.name, roles=("supervisor",))
    for turn in range(number):
        name = str(uuid.uuid4())
        outcome = Outcome.UNKNOWN if turn % 2 else Outcome.CREATED
        started: dict[str, Any] = {
            "export": name, "format": "csv", "personal": "yes", "reason": "other", "scope": "everybody",
            "filters": [f"outcomes:{outcome}"], "expected": newest, "newest": newest, "head": newest,
            "first": 1, "last": newest,
        }  # fmt: skip
        with transaction.atomic():
            seq = record(Event(EXPORT_STARTED, actor, data=started))
            index_keys(seq, [key_of(EXPORT_KEY, name)])
            index_range(seq, 1, newest)
        with transaction.atomic():
            ended: dict[str, Any] = {"export": name, "format": "csv", "personal": "yes", "rows": newest}
            index_keys(record(Event(EXPORT_FINISHED, actor, data=ended)), [key_of(EXPORT_KEY, name)])


def _submission(person: User, number: int, facts: Any) -> Submission:
    """The submission with this row number, which the lists of the log name, as the log has it."""
    public_id, order, ref, guest, at = facts
    moment = dt.datetime.fromtimestamp(at / 1e6, dt.UTC)
    failed = {"outcome": Outcome.REJECTED, "error_code": "invalid", "http_status": 400}
    return Submission(
        pk=number,
        public_id=uuid.UUID(public_id),
        token=uuid.uuid4(),
        content_digest=uuid.uuid4().bytes * 2,
        order_ref=order,
        consumer_ref=ref or "",
        guest_ref=guest or "",
        actor=person,
        actor_name=person.name,
        submitted_at=moment,
        deadline=moment,
        finished_at=moment,
        **({"outcome": Outcome.CREATED} if ref else failed),
    )


def _digest(number: int) -> tuple[str, bytes]:
    return DigestKind.PASSPORT.value, search_digest(DigestKind.PASSPORT, _passport(number))


def _passport(number: int) -> str:
    return f"P{number // SHARING}"


def _parts(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(islice(rows, AT_ONCE)):
        yield part


def main() -> None:
    """Send every request, with a few unmeasured ones first, for submissions all over the log."""
    client, chance = Client(SERVER_NAME="127.0.0.1"), random.Random(19)
    client.force_login(User.objects.get(username=PERSON))
    client.get("/audit/access/")  # opens the connections
    seconds_now = request_clock()
    high = Submission.objects.order_by("-pk").values_list("pk", flat=True)[0]
    seconds: dict[str, list[float]] = {"consumer reference": [], "guest reference": [], "passport of 20": []}
    for turn in range(WARM_UP + REQUESTS):
        place = chance.randint(1, high - high // 100)  # a rejected one has no reference
        one = Submission.objects.filter(outcome=Outcome.CREATED, pk__gte=place).order_by("pk")[0]
        for name, times in seconds.items():
            begin = seconds_now()
            if name == "passport of 20":
                values = {"kind": "passport", "value": _passport(one.pk)}
                answer = client.post("/audit/access/", values, follow=True)
            else:
                kind = name.partition(" ")[0]
                answer = client.get("/audit/access/", {kind: getattr(one, f"{kind}_ref")})
            took = seconds_now() - begin
            if answer.status_code != 200 or b"Export of submissions started" not in answer.content:
                raise SystemExit(f"{name}: {answer.status_code}")
            if turn >= WARM_UP:
                times.append(took)
    json.dump(seconds, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]))
        json.dump(None, sys.stdout)
    else:
        main()
