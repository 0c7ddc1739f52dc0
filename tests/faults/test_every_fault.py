"""Every fault of the sandbox, from the form to the page: outcome, sends on the wire, page contents.

These tests write their tables to ``var/faults-http.md`` and ``var/faults-tls.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from apps.consumers.labels import headline
from apps.consumers.models import Outcome, Submission
from sandbox.faults.armed import Armed
from sandbox.faults.table import ROWS, Row
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, creates, on_page, posted, sent, text
from tests.support.fault_limits import limits_for
from tests.support.sandbox_orders import add_orders

# One process runs them all, because they write one table.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("every fault")]

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


@pytest.fixture(scope="module")
def table() -> Iterator[dict[str, list[str]]]:
    """The lines of the tables, each written after the last fault if all have run."""
    lines: dict[str, list[str]] = {"http": [], "tls": []}
    yield lines
    folder = Path(project.BASE_DIR) / "var"
    head = "| fault | outcome | sends on the wire | consumers in truth | page |\n|---|---|---|---|---|\n"
    for name, rows in lines.items():
        if len(rows) < sum(name == "tls" or row.outcome is not None for row in ROWS):
            continue
        (folder / f"faults-{name}.md").write_text(head + "".join(rows))


def cases() -> Iterator[object]:
    """Each fault with each scheme on which it is possible.

    The result of a fault does not depend on the kind of database; how an outcome is stored does. So each
    fault runs once, and the first two of each outcome and scheme on each database.
    """
    seen: Counter[tuple[str, object]] = Counter()
    for scheme in ("http", "tls"):
        for row in ROWS:
            outcome = row.outcome_over_tls if scheme == "tls" else row.outcome
            if outcome is None:
                continue
            seen[scheme, outcome] += 1
            marks = [pytest.mark.once] if seen[scheme, outcome] > ON_EACH_DATABASE else []
            yield pytest.param(scheme, row, id=f"{scheme}-{row.fault}", marks=marks)


@dataclass(frozen=True)
class World:
    """A sandbox over http or https, and its unused orders: each case has its own."""

    server: SandboxServer
    ca_file: str
    orders: Iterator[str]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    """A sandbox for each scheme."""
    with ExitStack() as stack:
        found = {}
        for scheme in ("http", "tls"):
            data = tmp_path_factory.mktemp(scheme) / "sandbox.sqlite3"
            server = stack.enter_context(SandboxServer(data=data, tls="good" if scheme == "tls" else ""))
            ca_file = str(server.ca_file) if scheme == "tls" else ""
            found[scheme] = World(server, ca_file, iter(add_orders(data, len(ROWS))))
        yield found


@pytest.fixture
def world(worlds: dict[str, World], scheme: str, settings: Settings) -> World:
    """The sandbox of the scheme; the portal's client is configured to use it."""
    chosen = worlds[scheme]
    settings.CDP_BASE_URL, settings.CDP_CA_FILE = chosen.server.base_url, chosen.ca_file
    return chosen


@pytest.mark.parametrize(("scheme", "row"), [*cases()])
def test_every_fault_has_its_outcome_and_page_with_at_most_one_send(
    as_staff: Client,
    world: World,
    settings: Settings,
    table: dict[str, list[str]],
    scheme: str,
    row: Row,
) -> None:
    expected = row.outcome_over_tls if scheme == "tls" else row.outcome
    for name, seconds in limits_for(row.fault).items():
        setattr(settings, f"CDP_{name.upper()}_TIMEOUT", seconds)
    sandbox, order, before = world.server.sandbox, next(world.orders), len(creates(world.server))
    sandbox.faults.arm(Armed(row.fault, seconds=0.05 if row.outcome == "created" else None))

    response = as_staff.post(NEW, posted(order=order))
    sandbox.faults.clear()

    submission = Submission.objects.get()
    outcome = Outcome(submission.outcome)
    sends, truth = len(creates(world.server)) - before, len(sandbox.consumers(order))
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
    address = f"/submissions/{submission.public_id}/"
    assert (response["Location"] == address) is (shown == "receipt")
    receipt = text(page if shown == "receipt" else as_staff.get(address))
    assert headline(outcome) in receipt
    assert ("Correct and send again" in receipt) is again
    assert ("Do not enter it again" in receipt) is (outcome == Outcome.UNKNOWN)
    assert 'href="javascript:' not in receipt
    assert not any(secret in receipt for secret in SECRETS)
    assert len(creates(world.server)) - before == sends
    table[scheme].append(
        f"| {row.fault} | {outcome.value} | {sends} | {truth} | {shown}: {headline(outcome)} |\n"
    )
