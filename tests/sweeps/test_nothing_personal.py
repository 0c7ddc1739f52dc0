"""Text typed about a consumer is in no event, log line, session or column of a dump."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator

import pytest
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.consumers.models import Submission
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.people import PASSWORD

# None of them has a part that other data could contain by chance.
TYPED = {
    "first_name": "Zephyrine",
    "last_name": "Quixwold",
    "date_of_birth": "17 March 1953",
    "nationality": "Ruritanian",
    "passport_number": "XQ99887766",
    "emails-0-value": "zq.marker@example.com",
    "phone_numbers-0-value": "+353 87 555 1234",
    "identifiers-0-provider": "MarkerProvider",
    "identifiers-0-id": "MARK-4711-ID",
}
NOTE = "Confirmed by telephone with Mrs Hollybrook"
MARKERS = (
    "zephyrine", "quixwold", "17 march 1953", "1953-03-17", "ruritanian", "xq99887766", "zq.marker",
    "555 1234", "5551234", "mark-4711", "hollybrook",
    PASSWORD,
)  # fmt: skip


class _Listener(logging.Handler):
    """Collects everything that a log line could show."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


@pytest.fixture
def log() -> Iterator[_Listener]:
    listener, root = _Listener(), logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    yield listener
    root.setLevel(level)
    root.removeHandler(listener)


def _entry(order: str, **changes: str) -> dict[str, str]:
    counts = {f"{name}-TOTAL_FORMS": "1" for name in ("emails", "phone_numbers", "identifiers")}
    starts = {f"{name}-INITIAL_FORMS": "0" for name in ("emails", "phone_numbers", "identifiers")}
    return {
        "token": str(uuid.uuid4()), "order_ref": order, "title": "", "gender": "", "country": "",
        **counts, **starts, **TYPED, **changes,
    }  # fmt: skip


def _post(client: Client, address: str, values: dict[str, str]) -> HttpResponseBase:
    response = client.post(address, values)
    assert response.status_code < 500
    return response


def _live_through_everything(staff: Client, supervisor: Client) -> None:
    """Cause errors, a warning, every outcome, a correction, a reconciliation and a resolution."""
    form = "/consumers/new/"
    _post(staff, form, _entry(SAMPLE_ORDER, date_of_birth="31 2 1953"))
    created = _post(staff, form, _entry(SAMPLE_ORDER))
    assert created.headers["Location"].startswith("/submissions/")
    warned = _post(staff, form, _entry(SAMPLE_ORDER))
    assert warned.status_code == 200  # stopped once, with the earlier submission's receipt
    rejected = _post(staff, form, _entry(FAULT_ORDERS["404"]))
    staff.get(rejected.headers["Location"])
    unknown = _post(staff, form, _entry(FAULT_ORDERS["500_after"]))
    _post(staff, form, _entry(FAULT_ORDERS["500_after"]))
    for address in (created.headers["Location"], unknown.headers["Location"]):
        staff.get(address)
        supervisor.get(address)
    for address in ("/", "/submissions/"):
        staff.get(address)
        supervisor.get(address)
    receipt = Submission.objects.get(order_ref=SAMPLE_ORDER)
    staff.get(f"/orders/{SAMPLE_ORDER}/")
    staff.get(f"/guests/{receipt.guest_ref}/")
    staff.get(f"/order-consumers/{receipt.consumer_ref}/")
    resolved = _post(
        supervisor,
        f"{unknown.headers['Location']}resolve/",
        {"outcome": "not_created", "not_created-reason": "other", "not_created-note": NOTE},
    )
    assert resolved.status_code == 303


def test_typed_text_is_found_only_where_it_is_encrypted(
    transactional_db: None,
    staff: User,
    supervisor: User,
    sandbox: SandboxServer,
    log: _Listener,
) -> None:
    of_staff, of_supervisor = Client(), Client()
    for client, username in ((of_staff, "sam"), (of_supervisor, "sue")):
        signed_in = client.post("/accounts/login/", {"login": username, "password": PASSWORD})
        assert signed_in.status_code == 302
    _live_through_everything(of_staff, of_supervisor)

    actions = {*AuditEvent.objects.values_list("action", flat=True)}
    assert {
        "session.signed_in", "consumer.create_requested", "consumer.created", "consumer.rejected",
        "consumer.outcome_unknown", "consumer.resolved", "submission.viewed", "submission.repeat_blocked",
        "submissions.listed", "vendor_record.viewed",
    } <= actions  # fmt: skip
    assert {*Submission.objects.values_list("outcome", flat=True)} == {"created", "rejected", "not_created"}

    rows = [*_dump()]
    assert len(rows) > 40
    assert len(log.lines) > 20
    _expect_no_marker("the database", rows)
    _expect_no_marker("the log", log.lines)


def _dump() -> Iterator[str]:
    """Every row of every table, as a dump shows it; sessions decoded."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                yield f"{table}: {row}"
    from apps.accounts.models import Session

    yield from (f"session: {session.get_decoded()}" for session in Session.objects.all())


def _expect_no_marker(where: str, texts: list[str]) -> None:
    found = [
        f"{marker} in {where}: {text[:200]}" for text in texts for marker in MARKERS if marker in text.lower()
    ]
    assert found == []
