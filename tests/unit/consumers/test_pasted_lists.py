"""A pasted list gives the same values, whether the page's script splits it into rows or the server does."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from apps.consumers.forms.lists import EmailRow, PhoneRow
from tests.support.source import ROOT

# tests/javascript/lists.test.js has the rows of the script from the same table.
CASES: list[dict[str, Any]] = json.loads((ROOT / "tests/support/paste_cases.json").read_text())
FIELDS = {"emails": EmailRow.base_fields["value"], "phones": PhoneRow.base_fields["value"]}


@pytest.mark.parametrize("case", CASES, ids=[case["pasted"] for case in CASES])
def test_whole_list_and_its_rows_have_the_same_values(case: dict[str, Any]) -> None:
    clean = FIELDS[case["list"]].clean
    values = clean(case["pasted"])
    assert values == tuple(chain.from_iterable(map(clean, case["rows"])))
    if case["list"] == "emails":  # phone numbers are normalised
        assert values == tuple(case.get("values", case["rows"]))
    assert len(values) == len(case.get("values", case["rows"]))
