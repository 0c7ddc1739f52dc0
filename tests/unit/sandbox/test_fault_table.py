"""The table of faults is true: the portal's client with every fault, over HTTP and over TLS."""

import re
from collections.abc import Iterable

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpError
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import REFUSE, Armed
from sandbox.faults.catalogue import REQUEST_FAULTS
from sandbox.faults.table import ROWS, Row
from sandbox.options import KEY_CASES, PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY
from sandbox.server.sandbox_server import SandboxServer
from tests.support.cdp_clients import JANE, client_of, far_deadline
from tests.support.fault_limits import Limits, limits_for
from tests.support.sandbox_caller import Caller
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


Observed = dict[str, tuple[str | None, int, int]]
"""By fault: the outcome of a create, the number of consumers that it made, and the number of requests."""


def observed_and_in_the_table(
    server: SandboxServer, rows: Iterable[Row], *, tls: str
) -> tuple[Observed, Observed]:
    """What creates with the faults of these rows do, and what the rows say. Every fault is used up."""
    clients: dict[tuple[object, ...], CdpClient] = {}  # by their limits
    seen: Observed = {}
    expected: Observed = {}
    for row in rows:
        outcome = row.outcome_over_tls if tls else row.outcome
        if outcome is None:
            continue
        consumers, before = len(server.sandbox.consumers()), server.sandbox.requests()
        server.sandbox.faults.arm(Armed(row.fault, seconds=PAUSES.get(row.fault)))
        limits = limits_for(row.fault)
        key = (*limits.values(),)
        if key not in clients:
            clients[key] = client_with(server, limits, tls=tls)
        concluded = outcome_of_a_create(clients[key])
        if row.fault == REFUSE:
            server.sandbox.faults.clear()
        made = len(server.sandbox.consumers()) - consumers
        counted = server.sandbox.requests(before[-1].seq if before else 0)
        seen[row.fault] = (concluded, made, len(counted))
        expected[row.fault] = (outcome, row.made, int(row.when in ("before", "after")))
        assert server.sandbox.faults.armed() == ()
    return seen, expected


@pytest.mark.parametrize("tls", ["", "good"])
def test_every_fault_has_the_outcome_work_and_requests_of_the_table(start: Start, tls: str) -> None:
    seen, expected = observed_and_in_the_table(start(tls), ROWS, tls=tls)
    assert seen == expected


@pytest.mark.parametrize("key_case", KEY_CASES)
def test_fault_that_changes_the_answer_is_as_in_the_table_in_every_case_of_names(
    start: Start, key_case: str
) -> None:
    server = start("")
    server.sandbox.switches = server.sandbox.switches.changed({"key_case": key_case})
    changing = [row for row in ROWS if row.fault in REQUEST_FAULTS and REQUEST_FAULTS[row.fault].uses_answer]
    seen, expected = observed_and_in_the_table(server, changing, tls="")
    assert seen == expected


@pytest.mark.parametrize("fault", ["null_ref_after", "secrets", "duplicate_keys_after"])
def test_fault_has_the_names_in_the_case_of_the_switch(start: Start, fault: str) -> None:
    server = start("")
    server.sandbox.switches = server.sandbox.switches.changed({"key_case": "upper"})
    server.sandbox.faults.arm(Armed(fault))
    answer = Caller(server.base_url).create(SAMPLE_ORDER)
    names = re.findall('"([A-Za-z]+)":', answer.body.decode())
    assert "REF" in names
    assert names == [name.upper() for name in names]


def test_consumer_exists_only_as_the_outcome_in_the_table_implies() -> None:
    def lies(row: Row) -> bool:
        return row.done is not {"created": True, "rejected": False, "not_sent": False}[row.outcome_over_tls]

    assert [row.fault for row in ROWS if row.outcome_over_tls != "unknown" and lies(row)] == []
