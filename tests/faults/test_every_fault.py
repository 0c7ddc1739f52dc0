"""Every fault of the sandbox, from the form to the page: outcome, sends on the wire, page contents.

These tests write their tables to ``var/faults-http.md`` and ``var/faults-tls.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from apps.consumers.labels import headline
from apps.consumers.models import Outcome, Submission
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.faults.table import ROWS, Row
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, creates, on_page, posted, sent, text

# One process runs them all, because they write one table.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("every fault")]

NEW = "/consumers/new/"
SECRETS = (
    "practice-client-key",
    "practice-api-token",
    "%70%72%61",
    "cHJhY3RpY2U",
)  # of the sandbox, or parts
ENDLESS = ("hang", "no_answer", "drip")  # faults that only the caller's own limits end
# The first text for each outcome, and whether the page offers to send again.
PAGES = {
    Outcome.CREATED: ("receipt", False),
    Outcome.REJECTED: ("form, filled", True),
    Outcome.NOT_SENT: ("form, filled", True),
    Outcome.UNKNOWN: ("receipt", False),
}


@pytest.fixture(scope="module")
def table() -> Iterator[dict[str, list[str]]]:
    """The lines of the tables, written after the last fault."""
    lines: dict[str, list[str]] = {"http": [], "tls": []}
    yield lines
    folder = Path(project.BASE_DIR) / "var"
    head = "| fault | outcome | sends on the wire | consumers in truth | page |\n|---|---|---|---|---|\n"
    for name, rows in lines.items():
        (folder / f"faults-{name}.md").write_text(head + "".join(rows))


# Each fault with each scheme on which it is possible.
CASES = [
    pytest.param(scheme, row, id=f"{scheme}-{row.fault}")
    for scheme in ("http", "tls")
    for row in ROWS
    if scheme == "tls" or row.outcome is not None
]


@pytest.fixture
def world(scheme: str, tmp_path: Path, settings: Settings) -> Iterator[SandboxServer]:
    """A sandbox over http or https; the portal's client is configured to use it."""
    with SandboxServer(data=tmp_path / "sandbox.sqlite3", tls="good" if scheme == "tls" else "") as server:
        settings.CDP_BASE_URL = server.base_url
        settings.CDP_CA_FILE = str(server.ca_file) if scheme == "tls" else ""
        yield server


@pytest.mark.parametrize(("scheme", "row"), CASES)
def test_every_fault_has_its_outcome_and_page_with_at_most_one_send(
    as_staff: Client,
    world: SandboxServer,
    settings: Settings,
    table: dict[str, list[str]],
    scheme: str,
    row: Row,
) -> None:
    expected = row.outcome_over_tls if scheme == "tls" else row.outcome
    limit = 0.3 if row.fault.startswith(ENDLESS) else 5.0
    settings.CDP_CONNECT_TIMEOUT = settings.CDP_READ_TIMEOUT = limit
    settings.CDP_TOTAL_TIMEOUT = 2 * limit
    world.sandbox.faults.arm(Armed(row.fault, seconds=0.1 if row.outcome == "created" else None))

    response = as_staff.post(NEW, posted())
    world.sandbox.faults.clear()

    submission = Submission.objects.get()
    outcome = Outcome(submission.outcome)
    sends, truth = len(creates(world)), len(world.sandbox.consumers(SAMPLE_ORDER))
    assert outcome == expected
    assert sends == (1 if row.when in ("before", "after") else 0)
    assert truth == row.made
    assert bool(submission.consumer_ref) is (outcome == Outcome.CREATED)
    assert submission.consumer == FULL

    shown, again = PAGES[outcome]
    assert response.status_code == 303
    page = as_staff.get(response["Location"])
    assert (page.resolver_match.url_name == "new") is (shown == "form, filled")
    if shown == "form, filled":
        assert sent(on_page(page)) == FULL
    receipt = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert headline(outcome) in receipt
    assert ("Correct and send again" in receipt) is again
    assert ("Do not enter it again" in receipt) is (outcome == Outcome.UNKNOWN)
    assert 'href="javascript:' not in receipt
    assert not any(secret in receipt for secret in SECRETS)
    assert len(creates(world)) == sends
    table[scheme].append(
        f"| {row.fault} | {outcome.value} | {sends} | {truth} | {shown}: {headline(outcome)} |\n"
    )
