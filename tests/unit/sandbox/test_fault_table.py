"""The table of faults is true: the portal's client with every fault, over HTTP and over TLS."""

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpError
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import REFUSE, Armed
from sandbox.faults.table import ROWS, Row
from sandbox.options import PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import JANE, client_of, far_deadline
from tests.support.fault_limits import Limits, limits_for
from tests.unit.sandbox.conftest import Start

PAUSES = {"slow": 0.1, "late_work": 0.1}  # seconds


def client_with(server: SandboxServer, limits: Limits, *, tls: str) -> CdpClient:
    """The portal's client, with these limits."""
    return client_of(
        server.base_url,
        ca_file=str(server.ca_file) if tls else "",
        **limits,
        credentials=(PRACTICE_CLIENT_KEY, PRACTICE_API_TOKEN),
    )


def outcome_of_a_create(client: CdpClient) -> str:
    try:
        client.create_order_consumer(SAMPLE_ORDER, JANE, deadline=far_deadline())
    except CdpError as error:
        return error.outcome
    return "created"


@pytest.mark.parametrize("tls", ["", "good"])
def test_every_fault_has_the_outcome_work_and_requests_of_the_table(start: Start, tls: str) -> None:
    server = start(tls)
    clients: dict[tuple[object, ...], CdpClient] = {}  # by their limits
    seen, expected = {}, {}
    for row in ROWS:
        outcome = row.outcome_over_tls if tls else row.outcome
        if outcome is None:
            continue
        consumers, requests = len(server.sandbox.consumers()), server.sandbox.requests()
        server.sandbox.faults.arm(Armed(row.fault, seconds=PAUSES.get(row.fault)))
        limits = limits_for(row.fault)
        key = (*limits.values(),)
        if key not in clients:
            clients[key] = client_with(server, limits, tls=tls)
        concluded = outcome_of_a_create(clients[key])
        if row.fault == REFUSE:
            server.sandbox.faults.clear()
        made = len(server.sandbox.consumers()) - consumers
        counted = server.sandbox.requests(requests[-1].seq if requests else 0)
        seen[row.fault] = (concluded, made, len(counted))
        expected[row.fault] = (outcome, row.made, int(row.when in ("before", "after")))
        assert server.sandbox.faults.armed() == ()

    assert seen == expected


def test_consumer_exists_only_as_the_outcome_in_the_table_implies() -> None:
    def lies(row: Row) -> bool:
        return row.done is not {"created": True, "rejected": False, "not_sent": False}[row.outcome_over_tls]

    assert [row.fault for row in ROWS if row.outcome_over_tls != "unknown" and lies(row)] == []
