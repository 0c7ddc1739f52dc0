"""The table of faults is true in every case of names; ``tests/faults`` has every fault, over TLS too."""

import re

import pytest

from apps.cdp.client import CdpClient
from apps.cdp.errors import CdpError
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.faults.catalogue import REQUEST_FAULTS
from sandbox.faults.table import ROWS, Row
from sandbox.options import KEY_CASES, PRACTICE_API_TOKEN, PRACTICE_CLIENT_KEY
from tests.support.cdp_clients import JANE, client_of, far_deadline
from tests.support.fault_limits import limits_for
from tests.support.sandbox_caller import Caller
from tests.unit.sandbox.conftest import Start

DOCUMENTED = KEY_CASES[0]
PAUSES = {"slow": 0.1, "late_work": 0.1}  # seconds


def outcome_of_a_create(client: CdpClient) -> str:
    try:
        client.create_order_consumer(SAMPLE_ORDER, JANE, deadline=far_deadline())
    except CdpError as error:
        return error.outcome
    return "created"


@pytest.mark.parametrize("key_case", KEY_CASES)
def test_fault_that_changes_the_answer_is_as_in_the_table_in_every_case_of_names(
    start: Start, key_case: str
) -> None:
    server = start("")
    sandbox = server.sandbox
    sandbox.switches = sandbox.switches.changed({"key_case": key_case})
    seen, expected = {}, {}
    for row in ROWS:
        if row.fault not in REQUEST_FAULTS or not REQUEST_FAULTS[row.fault].uses_answer:
            continue
        if row.fault.startswith("drip") and key_case != DOCUMENTED:
            continue  # a limit ends it before its names are read
        consumers, before = len(sandbox.consumers()), len(sandbox.requests())
        sandbox.faults.arm(Armed(row.fault, seconds=PAUSES.get(row.fault)))
        client = client_of(
            server.base_url, **limits_for(row.fault), credentials=(PRACTICE_CLIENT_KEY, PRACTICE_API_TOKEN)
        )
        concluded = outcome_of_a_create(client)
        made, requests = len(sandbox.consumers()) - consumers, len(sandbox.requests()) - before
        seen[row.fault] = (concluded, made, requests)
        expected[row.fault] = (row.outcome, row.made, 1)
        assert sandbox.faults.armed() == ()
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
