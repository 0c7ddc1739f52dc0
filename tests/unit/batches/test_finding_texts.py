"""Every finding about a file has a text."""

from __future__ import annotations

import pytest

from apps.batches.labels import finding_text
from apps.batches.reading.table import Finding, FindingCode

_DETAILS = {FindingCode.DELIMITER: "semicolon", FindingCode.ENCODING_GUESSED: "cp1252"}


@pytest.mark.parametrize("code", FindingCode)
@pytest.mark.parametrize("count", [1, 1234])
def test_a_finding_has_a_text_with_its_number_and_detail(code: FindingCode, count: int) -> None:
    text = finding_text(Finding(code, count, _DETAILS.get(code, "")))
    assert "%" not in text
    assert text.endswith((".", "letters."))
