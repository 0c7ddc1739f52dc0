"""The MACs are HMAC-SHA-256, and nothing but the MAC of its hash under a key of this process is valid."""

from __future__ import annotations

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.audit.macs import MacKeys, mac_key

OLD, NEW = (base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))
KEYS = MacKeys([NEW, OLD])
HASHES = [bytes([byte] * 32).hex() for byte in (7, 8, 9)]
VALUES = [KEYS.values_for(own) for own in HASHES]
IDS, MACS = [key for key, _mac in VALUES], [mac for _key, mac in VALUES]


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_mac_is_hmac_sha_256_over_the_bytes_of_the_hash(key: bytes, row_hash: bytes) -> None:
    keys = MacKeys([base64.b64encode(key).decode()])
    expected = hmac.digest(key, row_hash, "sha256").hex()
    assert keys.values_for(row_hash.hex()) == (keys.fingerprints[0][:16], expected)


def test_first_key_writes_and_every_key_verifies() -> None:
    old = MacKeys([OLD])
    assert KEYS.first == MacKeys([NEW]).first != old.first
    mixed = [old.values_for(HASHES[0]), *VALUES[1:]]
    assert KEYS.are_valid(HASHES, *zip(*mixed, strict=True))
    assert not old.are_valid(HASHES, *zip(*mixed, strict=True))
    assert KEYS.are_valid([], [], [])


@pytest.mark.parametrize(
    ("ids", "macs"),
    [
        (IDS, MACS[::-1]),
        (IDS, [*MACS[:2], ""]),
        (IDS, [*MACS[:2], MACS[2].upper()]),
        (IDS, [*MACS[:2], MACS[2] + ","]),
        (IDS, [f"{MACS[0]},{MACS[1]}", MACS[2]]),
        (IDS, [f"{MACS[0]},{MACS[1]}", MACS[2], ""]),
        (IDS, [*MACS[:2], MACS[2].encode()]),
        (IDS, [*MACS[:2], None]),
        (IDS, [*MACS[:2], "é" + MACS[2][1:]]),
        (IDS, [*MACS[:2], "\udcff" + MACS[2][1:]]),
        (IDS, MACS[:2]),
        (IDS[:2], MACS),
        ([*IDS, IDS[0]], MACS),
        ([*IDS[:2], MacKeys([OLD]).first], MACS),
        ([*IDS[:2], "0" * 16], MACS),
        ([*IDS[:2], None], MACS),
        ([*IDS[:2], IDS[2].encode()], MACS),
    ],
)
def test_anything_else_is_not_valid(ids: list[object], macs: list[object]) -> None:
    assert KEYS.are_valid(HASHES, IDS, MACS)
    assert not KEYS.are_valid(HASHES, ids, macs)


@pytest.mark.parametrize(
    ("key_id", "unknown"),
    [("0123456789abcdef", True), (KEYS.first, False), ("", False), ("0123456789ABCDEF", False)]
    + [(value, False) for value in ("0123456789abcdef\n", "0123456789abcdef0", b"0123456789abcdef", None, 1)],
)
def test_only_the_id_of_another_key_is_unknown(key_id: object, unknown: bool) -> None:
    assert KEYS.is_unknown(key_id) is unknown


@pytest.mark.parametrize("text", ["", "x", "é", OLD[:-4], OLD + OLD, base64.b64encode(bytes(31)).decode()])
def test_malformed_key_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not the base64 of 32 bytes$"):
        mac_key(text)


def test_fingerprint_is_not_the_mac_of_a_hash() -> None:
    assert KEYS.fingerprints[0] not in MACS
    assert len({*KEYS.fingerprints}) == 2
    with pytest.raises(ValueError, match="no key"):
        MacKeys([])
