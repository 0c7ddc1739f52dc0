"""Every fault of the sandbox: outcome and sends on the wire; over TLS from the form to the page.

Production uses TLS alone. Over HTTP, which practice uses, the scheme can change only the outcome that the
client concludes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from apps.cdp.errors import CdpError
from apps.consumers.labels import receipt_headline
from apps.consumers.models import Outcome, Submission
from sandbox.faults.armed import REFUSE, Armed
from sandbox.faults.table import ROWS, Row
from sandbox.options import PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import client_of, far_deadline
from tests.support.entries import FULL, creates, on_page, posted, sent, text
from tests.support.fault_limits import limits_for
from tests.support.sandbox_orders import add_orders

NEW = "/consumers/new/"
SECRETS = (
    "practice-client-key",
    "practice-api-token",
    "%70%72%61",
    "cHJhY3RpY2U",
)  # of the sandbox, or parts
ON_EACH_DATABASE = 2  # faults of an outcome
# The first text for each outcome, and whether the page offers to send again.
PAGES = {
    Outcome.CREATED: ("receipt", False),
    Outcome.REJECTED: ("form, filled", True),
    Outcome.NOT_SENT: ("form, filled", True),
    Outcome.UNKNOWN: ("receipt", False),
}


def cases() -> Iterator[object]:
    """Each fault over TLS.

    Its result does not depend on the kind of database; how an outcome is stored does. So each fault runs
    once, and the first two of each outcome on each database.
    """
    seen: Counter[str] = Counter()
    for row in ROWS:
        seen[row.outcome_over_tls] += 1
        marks = [pytest.mark.once] if seen[row.outcome_over_tls] > ON_EACH_DATABASE else []
        yield pytest.param(row, id=row.fault, marks=marks)


@dataclass(frozen=True)
class World:
    """A sandbox, and its unused orders: each case has its own."""

    server: SandboxServer
    orders: Iterator[str]

    def meet(self, row: Row) -> str:
        """Arm the fault for the next create on the returned order."""
        seconds = 0.05 if row.outcome == "created" else None
        self.server.sandbox.faults.clear()
        self.server.sandbox.faults.arm(Armed(row.fault, seconds=seconds))
        return next(self.orders)

    def requests(self) -> int:
        """The number of requests of any kind that arrived."""
        return len(self.server.sandbox.requests())

    def is_used_up(self, row: Row) -> bool:
        """Whether the armed fault has happened. Refusing connections lasts until it is cleared."""
        return row.fault == REFUSE or self.server.sandbox.faults.armed() == ()


@contextmanager
def sandbox_of(folder: Path, tls: str) -> Iterator[World]:
    data = folder / "sandbox.sqlite3"
    with SandboxServer(data=data, tls=tls) as server:
        yield World(server, iter(add_orders(data, len(ROWS))))


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sandbox_of(tmp_path_factory.mktemp("tls"), "good") as world:
        yield world


@pytest.fixture(scope="module")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sandbox_of(tmp_path_factory.mktemp("http"), "") as world:
        yield world


@pytest.mark.django_db
@pytest.mark.parametrize("row", [*cases()])
def test_every_fault_has_its_outcome_and_page_with_at_most_one_send(
    as_staff: Client, over_tls: World, settings: Settings, row: Row
) -> None:
    settings.CDP_BASE_URL, settings.CDP_CA_FILE = over_tls.server.base_url, str(over_tls.server.ca_file)
    for name, seconds in limits_for(row.fault).items():
        setattr(settings, f"CDP_{name.upper()}_TIMEOUT", seconds)
    before, requests = len(creates(over_tls.server)), over_tls.requests()

    response = as_staff.post(NEW, posted(order=(order := over_tls.meet(row))))
    assert over_tls.is_used_up(row)
    over_tls.server.sandbox.faults.clear()

    submission = Submission.objects.get()
    outcome = Outcome(submission.outcome)
    sends = len(creates(over_tls.server)) - before
    assert outcome == row.outcome_over_tls
    assert sends == over_tls.requests() - requests == (1 if row.when in ("before", "after") else 0)
    assert len(over_tls.server.sandbox.consumers(order)) == row.made
    assert bool(submission.consumer_ref) is (outcome == Outcome.CREATED)
    assert submission.consumer == FULL

    shown, again = PAGES[outcome]
    assert response.status_code == 303
    page = as_staff.get(response["Location"])
    assert (page.resolver_match.url_name == "new") is (shown == "form, filled")
    if shown == "form, filled":
        assert sent(on_page(page)) == FULL
    address = f"/submissions/{submission.public_id}/"
    assert (response["Location"] == address) is (shown == "receipt")
    receipt = text(page if shown == "receipt" else as_staff.get(address))
    assert f"<span>{receipt_headline(outcome)}" in receipt
    assert ("Correct and send again" in receipt) is again
    assert ("Do not enter it again" in receipt) is (outcome == Outcome.UNKNOWN)
    assert 'href="javascript:' not in receipt
    assert not any(secret in receipt for secret in SECRETS)
    assert len(creates(over_tls.server)) - before == sends


@pytest.mark.parametrize("row", [pytest.param(row, id=row.fault) for row in ROWS if row.outcome is not None])
def test_every_fault_over_http_has_its_outcome_with_at_most_one_send(over_http: World, row: Row) -> None:
    before, requests, order = len(creates(over_http.server)), over_http.requests(), over_http.meet(row)
    credentials = (PRACTICE_CLIENT_KEY, PRACTICE_API_TOKEN)
    client = client_of(over_http.server.base_url, credentials=credentials, **limits_for(row.fault))
    try:
        client.create_order_consumer(order, FULL, deadline=far_deadline())
        outcome: str = "created"
    except CdpError as error:
        outcome = error.outcome
    assert outcome == row.outcome
    assert over_http.is_used_up(row)
    sends = len(creates(over_http.server)) - before
    assert sends == over_http.requests() - requests == (1 if row.when in ("before", "after") else 0)
    assert len(over_http.server.sandbox.consumers(order)) == row.made
