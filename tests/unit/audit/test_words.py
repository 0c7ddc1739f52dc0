"""Every code that the portal can record has words."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator

import pytest

from apps.accounts.roles import GRANTS
from apps.accounts.services import Refusal
from apps.accounts.sessions import EndReason
from apps.audit import actions
from apps.audit.actions import Kind
from apps.audit.diagnosis import Verdict
from apps.audit.export import Format
from apps.audit.selectors import LogFilter
from apps.audit.words import ACTION_NAMES, KEY_LABELS, VALUES, action_name, key_label, value_words
from apps.cdp.consumers import Identifier, NewConsumer
from apps.cdp.errors import CdpError
from apps.consumers.labels import REASONS
from apps.consumers.models import CheckResult, Doubt, Outcome, ResolutionReason
from apps.consumers.reconciliation import checks
from apps.consumers.reconciliation.evidence import ANOTHER_REFERENCE, LIST_NOT_WHOLE, NOT_ON_ORDER
from apps.consumers.sending import warnings
from apps.history.exports.services import FailureCode
from apps.history.models import ExportReason
from tests.sweeps.source import APPS, tree_of

FULL = NewConsumer(
    first_name="A",
    last_name="B",
    title="Dr",
    gender="female",
    date_of_birth=dt.date(1990, 1, 1),
    emails=("a@example.com",),
    phone_numbers=("1",),
    nationality="N",
    passport_number="P",
    country="NL",
    identifiers=(Identifier("P", "1"),),
)


def _error_codes(kind: type[CdpError] = CdpError) -> Iterator[str]:
    yield kind.default_code
    for inner in kind.__subclasses__():
        yield from _error_codes(inner)


ERRORS = {*_error_codes(), *REASONS}
CODES: dict[str, Iterable[str]] = {
    "answer_outcome": Outcome.values,
    "by": ["order_number", "guest_ref"],
    "change": ["added", "removed"],
    "doubt": Doubt.values,
    "error_code": ERRORS,
    "failure_code": FailureCode,
    "fields": [*FULL.to_json(), "name", "time_zone"],
    "filters": [field.name for field in dataclasses.fields(LogFilter)],
    "format": [*Format, "csv_exact", "xlsx"],
    "kind": ["order", "guest", "order_consumer"],
    "outcome": Outcome.values,
    "previous_outcome": Outcome.values,
    "personal": ["yes", "no"],
    "overridden": [
        warnings.SIMILAR,
        warnings.NOT_COMPARED,
        warnings.NO_IDENTITY,
        warnings.VERY_OLD,
        warnings.PHONE_NOT_READ,
    ],
    "reason": [
        checks.RECONCILIATION,
        *ResolutionReason.values,
        *ExportReason.values,
        *EndReason,
        Refusal.LINK_USED_UP.value,
        *("wrong_password", "no_account", "deactivated", "limited", "blocked"),
    ],
    "result": [
        *CheckResult.values,
        *ERRORS,
        "found",
        "not_found",
        *(NOT_ON_ORDER, LIST_NOT_WHOLE, ANOTHER_REFERENCE),
    ],
    "role": GRANTS,
    "scope": ["own", "everybody", "whole", "rest"],
    "verdict": [*Verdict],
    "verification": ["verified", "not_verified"],
    "what": ["search", "export", "denial"],
    "why": ["same_form_again", "form_used_for_another_entry", "identical_one_is_open"],
}
# Purposes are not recorded yet; the others are numbers in a way, or name a page, a submission, a version.
# The columns of an export are told as the file names them, what was normalised as "field:how".
NO_WORDS = {
    *(
        "columns",
        "export",
        "file",
        "hash",
        "key",
        "normalised",
        "purpose",
        "resubmission_of",
        "settings_digest",
        "sha256",
    ),
    *("keys", "previous_ref", "version", "view"),
}


@pytest.mark.parametrize("key", CODES)
def test_every_code_has_words(key: str) -> None:
    assert [code for code in CODES[key] if not _has_words(key, code)] == []


def test_every_key_that_holds_codes_is_looked_at() -> None:
    of_codes = (Kind.CODE, Kind.CODES, Kind.WORD, Kind.WORDS)
    holding = {
        key for action in actions.ACTIONS.values() for key, kind in action.keys.items() if kind in of_codes
    }
    assert holding == {*CODES} | NO_WORDS
    assert {*VALUES} <= {*CODES}


def test_codes_that_are_written_out_where_they_are_recorded_have_words() -> None:
    """Data of events in the source, such as ``{"kind": "order"}`` or ``result="found"``."""
    found = {(key, code) for path in APPS.rglob("*.py") for key, code in _written_out(tree_of(path))}
    assert ("kind", "order_consumer") in found
    assert [pair for pair in found if not _has_words(*pair)] == []


def _has_words(key: str, code: str) -> bool:
    # Some words are spelled as their code is: "found".
    return code in VALUES[key] or value_words(key, code) != code


def _written_out(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith(
            ("Event", "event_of", "_recorded")
        ):
            continue
        for node in ast.walk(call):
            pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
            named = [(key.value, value) for key, value in pairs if isinstance(key, ast.Constant)]
            named += [(node.arg, node.value)] if isinstance(node, ast.keyword) and node.arg else []
            for key, value in named:
                if key in CODES and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield str(key), value.value


def test_every_action_and_every_key_has_a_name() -> None:
    assert {action.name for action in ACTION_NAMES} == {*actions.ACTIONS}
    assert {key for action in actions.ACTIONS.values() for key in action.keys} - {*KEY_LABELS} == set()
    names = [str(name) for name in ACTION_NAMES.values()]
    assert len({*names}) == len(names)  # the filter offers them side by side


def test_what_has_no_words_is_shown_as_it_is() -> None:
    assert value_words("result", "teleported") == "teleported"
    assert value_words("error_code", "http_599") == "an answer of status 599"
    assert value_words("count", 0) == "0"
    assert value_words("result", None) == "–"
    assert value_words("fields", ["firstName", "lastName", "beam"]) == "first name, last name and beam"
    assert (key_label("beam"), action_name("consumer.teleported")) == ("beam", "consumer.teleported")
