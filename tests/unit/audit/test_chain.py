import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.audit.chain import (
    FORMAT,
    GENESIS,
    Row,
    UnknownFormatError,
    canonical_bytes,
    canonical_json,
    row_hash,
)

FIRST = Row(
    seq=1,
    format=1,
    time=1_795_441_234_567_890,
    action="consumer.created",
    failure=False,
    actor_id="17",
    actor_name='Zoë "Z" O’Brien\\',
    actor_roles="staff,supervisor",
    session="8c3e1d8a-1",
    request_id="6d7a3f00-1",
    peer_address="10.0.0.1",
    client_address=None,
    submission="3f0e",
    order_ref="ord-1",
    consumer_ref="con-1",
    guest_ref=None,
    person=None,
    data='{"duration_ms":412,"http_status":201}',
    previous_hash=GENESIS,
)
# Written by hand from the docstring of the module, not by the code under test.
FIRST_BYTES = (
    '{"action":"consumer.created","actor_id":"17","actor_name":"Zoë \\"Z\\" O’Brien\\\\",'
    '"actor_roles":"staff,supervisor","client_address":null,"consumer_ref":"con-1",'
    '"data":"{\\"duration_ms\\":412,\\"http_status\\":201}","failure":false,"format":1,"guest_ref":null,'
    '"order_ref":"ord-1","peer_address":"10.0.0.1","person":null,"request_id":"6d7a3f00-1","seq":1,'
    '"session":"8c3e1d8a-1","submission":"3f0e","time":1795441234567890}'
).encode()
FIRST_HASH = "dd2e53f1c0301166bbfa5c1dd668dd32ebee469e531c9593068d3afaedf423e2"
SECOND_HASH = "4d6363768285a5b57fce778cafd5b8644de7774ed3930cf2df472bfbc5537e5c"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
MAYBE = st.none() | TEXT
ROWS = st.builds(
    Row,
    seq=st.integers(1, 2**63 - 1),
    format=st.just(FORMAT),
    time=st.integers(0, 2**62),
    action=TEXT,
    failure=st.booleans(),
    actor_id=MAYBE,
    actor_name=TEXT,
    actor_roles=TEXT,
    session=MAYBE,
    request_id=MAYBE,
    peer_address=TEXT,
    client_address=MAYBE,
    submission=MAYBE,
    order_ref=MAYBE,
    consumer_ref=MAYBE,
    guest_ref=MAYBE,
    person=MAYBE,
    data=TEXT,
    previous_hash=st.binary(min_size=32, max_size=32).map(bytes.hex),
)


def test_canonical_bytes_are_the_documented_ones() -> None:
    assert canonical_bytes(FIRST) == FIRST_BYTES


def test_hash_is_sha_256_over_the_previous_hash_and_the_bytes() -> None:
    assert row_hash(FIRST) == FIRST_HASH == hashlib.sha256(bytes(32) + FIRST_BYTES).hexdigest()


def test_second_row_is_chained_to_the_first() -> None:
    second = FIRST._replace(seq=2, failure=True, previous_hash=FIRST_HASH)
    assert row_hash(second) == SECOND_HASH


def test_zeros_and_ones_of_sqlite_hash_like_booleans() -> None:
    assert row_hash(FIRST._replace(failure=0)) == FIRST_HASH
    failed = FIRST._replace(failure=True)
    assert row_hash(failed._replace(failure=1)) == row_hash(failed)


CHANGES: list[tuple[str, Any]] = [
    ("seq", 2),
    ("time", FIRST.time + 1),
    ("action", "consumer.rejected"),
    ("failure", True),
    ("actor_id", "18"),
    ("actor_name", "Zoe"),
    ("actor_roles", "staff"),
    ("session", None),
    ("request_id", None),
    ("peer_address", "10.0.0.2"),
    ("client_address", ""),  # an empty text differs from a missing one
    ("submission", "3f0f"),
    ("order_ref", "ORD-1"),
    ("consumer_ref", "con-2"),
    ("guest_ref", "g"),
    ("person", "9"),
    ("data", '{"duration_ms": 412,"http_status":201}'),
    ("previous_hash", "1" + GENESIS[1:]),
]


@pytest.mark.parametrize(("field", "value"), CHANGES)
def test_changing_any_field_changes_the_hash(field: str, value: Any) -> None:
    assert row_hash(FIRST._replace(**{field: value})) != FIRST_HASH


def test_alterations_cover_every_field() -> None:
    assert {field for field, _ in CHANGES} | {"format"} == set(Row._fields)


@given(ROWS, ROWS)
def test_different_rows_have_different_bytes_or_links(one: Row, other: Row) -> None:
    same = (canonical_bytes(one), one.previous_hash) == (canonical_bytes(other), other.previous_hash)
    assert same == (one == other)


@given(ROWS)
def test_canonical_bytes_round_trip_to_the_row(row: Row) -> None:
    fields = json.loads(canonical_bytes(row))
    assert Row(**fields, previous_hash=row.previous_hash) == row
    assert list(fields) == sorted(fields)


@pytest.mark.parametrize("version", [0, 2])
def test_unknown_format_is_refused(version: int) -> None:
    with pytest.raises(UnknownFormatError):
        row_hash(FIRST._replace(format=version))


@pytest.mark.parametrize("previous", ["", "0" * 62, "0" * 66, "A" * 64, "0 " * 32 + "0" * 32, "g" * 64])
def test_previous_hash_in_another_form_is_refused(previous: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # which of two sentences does not matter
        row_hash(FIRST._replace(previous_hash=previous))


def test_canonical_json_has_sorted_keys_no_blanks_and_ascii() -> None:
    assert canonical_json({"b": ["é", 1], "a": None}) == '{"a":null,"b":["é",1]}'


def test_canonical_json_refuses_values_outside_json() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))
