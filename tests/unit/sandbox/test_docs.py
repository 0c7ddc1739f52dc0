"""`docs/sandbox.md` matches the seed: its references work, and it lists every fault and switch."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.api.routes import ROUTES
from sandbox.data.seed import FAULT_ORDERS, ORDERS, SAMPLE_ORDER
from sandbox.data.seed_guests import GUESTS
from sandbox.faults.catalogue import DRIP_SECONDS, HOLD_SECONDS, SLOW_SECONDS
from sandbox.faults.table import all_faults, fault_orders
from sandbox.options import Switches

TEXT = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| `")
]


def test_every_reference_in_the_documentation_is_seeded() -> None:
    seeded = {order.ref for order in ORDERS} | {guest.ref for guest in GUESTS}
    seeded |= {value for guest in GUESTS for _provider, value in guest.identifiers}
    named = set(UUID.findall(TEXT))

    assert SAMPLE_ORDER in named
    assert named <= seeded


def test_every_named_order_has_the_reference_id_beside_it() -> None:
    reference_ids = {order.ref: order.reference_id for order in ORDERS}
    named = {row[0]: row[1] for row in ROWS if row[0] in reference_ids}

    assert len(named) == 12 + len(FAULT_ORDERS)
    assert named == {ref: reference_ids[ref] for ref in named}


@pytest.mark.parametrize(("label", "table"), [("fault orders", fault_orders()), ("all faults", all_faults())])
def test_tables_of_faults_match_the_code(label: str, table: str) -> None:
    """`python -m sandbox.faults.table` prints them."""
    assert f"<!-- {label} -->\n{table}\n<!-- end -->" in TEXT


def test_numbers_of_faults_match_the_code() -> None:
    assert f"at most {HOLD_SECONDS:g} s" in TEXT
    assert f"a byte every {DRIP_SECONDS:g} s" in TEXT
    assert f"time-out is between {SLOW_SECONDS:g} and {HOLD_SECONDS:g} seconds" in TEXT


def test_every_named_guest_has_the_identifier_beside_it() -> None:
    guests = {guest.ref: guest for guest in GUESTS}
    named = [row for row in ROWS if row[0] in guests]

    assert len(named) == 3
    for ref, found_by in named:
        ((provider, value),) = guests[ref].identifiers
        assert found_by.replace("`", "").startswith(f"{provider} / {value}")


def test_every_switch_and_every_operation_in_an_example_exists() -> None:
    assert {field.name for field in fields(Switches)} <= {row[0] for row in ROWS}
    operations = set(re.findall(r'"operation": "(\w+)"', TEXT))
    assert operations
    assert operations <= {route.operation for route in ROUTES}


def test_numbers_of_seeded_records_match_the_documentation() -> None:
    assert f"{len(ORDERS) - len(FAULT_ORDERS)} ordinary orders, {len(GUESTS)} guests" in TEXT


def test_seeded_people_have_reserved_addresses_and_numbers() -> None:
    reserved = re.compile(r".+@(example\.(com|org|net)|\w+\.example)")
    # GB, US, AU, FR, DE: ranges that their regulators reserve for drama and film
    fictional = re.compile(
        r"\+44(207946|131496)0\d{3}|\+447700900\d{3}|\+1\d{3}55501\d{2}|\+61491570\d{3}"
        r"|\+331990\d{5}|\+336399\d{5}|\+493023125\d{3}"
    )
    for guest in GUESTS:
        assert all(reserved.fullmatch(email) for email in guest.emails), guest
        assert all(fictional.fullmatch(phone) for phone in guest.phones), guest
    assert len({guest.ref for guest in GUESTS}) == len(GUESTS)
    assert len({order.ref for order in ORDERS}) == len(ORDERS)
