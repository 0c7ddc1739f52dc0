"""The comparison can fail: it allows only what the portal could not detect."""

from __future__ import annotations

import pytest

from apps.consumers.models import Submission
from tests.faults.storm.account import Account, _all_true
from tests.faults.storm.rows import Line, Wire

OWN, OTHERS = "b2f2d1d0-0000-4000-8000-000000000001", "B2F2D1D0-0000-4000-8000-000000000002"
WRONG = "created, but the vendor has another or none"
NO_DOUBT = "created with a reference that was there before, and no doubt"


def problems(*, ref: str, before: list[str] | None, doubt: str = "", alone: bool = False) -> set[str]:
    """The problems of a created submission on whose order a known reference was answered."""
    row = Submission(outcome="created", consumer_ref=ref, refs_before=before, doubt_code=doubt)
    line = Line(
        row,
        "K-1",
        alone=alone,
        creates=[{"fault": "known_ref"}, {"fault": None}],
        consumers=[{"ref": OWN}],
        actions=(),
    )
    account = Account([line], Wire({}, {}), events=0)
    _all_true(account)
    return set(account.problems)


@pytest.mark.parametrize(
    ("ref", "before", "doubt", "found"),
    [
        (OWN, [], "", set()),
        (OTHERS, [OTHERS.lower()], "known_before", set()),
        (OTHERS, [OTHERS.lower()], "", {WRONG, NO_DOUBT}),
        (OTHERS, [OTHERS.replace("-", "")], "", {WRONG, NO_DOUBT}),
        (OTHERS, [OWN], "", set()),  # created after our list: the portal cannot detect it
        (OTHERS, None, "", set()),
        (OWN, [OWN], "", {NO_DOUBT}),
    ],
)
def test_only_undetectable_errors_are_allowed(
    ref: str, before: list[str] | None, doubt: str, found: set[str]
) -> None:
    assert problems(ref=ref, before=before, doubt=doubt) == found


def test_no_error_is_allowed_for_a_submission_alone_on_its_order() -> None:
    assert problems(ref=OTHERS, before=[], alone=True) == {WRONG}
