"""The references that an address accepts."""

from __future__ import annotations

import pytest
from django.urls import Resolver404, resolve

REF = "2d7de9df-45a2-45ea-872c-30e45139007d"


@pytest.mark.parametrize("ref", [REF, REF.upper()])
def test_reference_is_accepted_in_either_case_and_preserved(ref: str) -> None:
    assert resolve(f"/orders/{ref}/").kwargs == {"ref": ref}


@pytest.mark.parametrize(
    "ref", [REF[:-1], f"{REF}0", REF.replace("-", ""), "jane@example.com", "%2e%2e", "g" + REF[1:]]
)
@pytest.mark.parametrize("kind", ["orders", "guests", "order-consumers"])
def test_other_text_is_no_address(kind: str, ref: str) -> None:
    with pytest.raises(Resolver404):
        resolve(f"/{kind}/{ref}/")
