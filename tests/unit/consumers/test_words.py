"""Every outcome and every code of the client has words, and none of them blames the person."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import apps.cdp
from apps.cdp import errors
from apps.cdp.errors import CdpError
from apps.cdp.refusals import REFUSALS
from apps.consumers import concerns, words
from apps.consumers.concerns import Concern
from apps.consumers.models import Outcome, Submission
from apps.core.encryption import encrypt

A_STATUS = re.compile(r"http_(\d{3}|<status>)")


def _classes(kind: type[CdpError] = CdpError) -> Iterator[type[CdpError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _classes(below)


def _documented() -> Iterator[str]:
    """The first column of the tables in the client's own documentation."""
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([a-z_0-9<>]+(?:, _\w+)*) {2,}\S", line):
            first, *others = match[1].split(", ")
            yield first
            yield from (f"http{other}" for other in others)


def _written() -> Iterator[str]:
    """Every code that the client's source gives to an error."""
    for path in Path(apps.cdp.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("Cdp") and node.args:
                codes = [arg.value for arg in ast.walk(node.args[0]) if isinstance(arg, ast.Constant)]
                yield from (code for code in codes if isinstance(code, str))
            if isinstance(node, ast.FunctionDef) and node.name == "_why_unreachable":
                returned = [part for part in ast.walk(node) if isinstance(part, ast.Return)]
                yield from (
                    ast.literal_eval(part.value) for part in returned if isinstance(part.value, ast.Constant)
                )


CODES = sorted(
    {
        *(kind.default_code for kind in _classes()),
        *(code for _kind, code in REFUSALS.values()),
        *_documented(),
        *_written(),
    }
    - {"not_sent", "rejected", "unknown", ""}
)


def test_the_codes_are_really_collected() -> None:
    assert {
        "invalid",
        "http_413",
        "deadline_passed",
        "connect_refused",
        "total_timeout",
        "list_too_long",
    } <= set(CODES)
    assert len(CODES) > 25
    assert inspect.isclass(CdpError)


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_client_has_words(code: str) -> None:
    said = words.reason(Submission(error_code=code, outcome=Outcome.UNKNOWN))
    if status := A_STATUS.fullmatch(code):
        assert said == f"Sitecore CDP answered with an error ({status[1]})."
    else:
        assert code in words.REASONS
        assert said == str(words.REASONS[code])
    assert said.endswith(".")
    assert not re.search(r"please|sorry|invalid", said, re.IGNORECASE)


def test_without_an_error_there_is_no_reason() -> None:
    assert words.reason(Submission(outcome=Outcome.CREATED)) == ""


def test_the_words_that_the_pages_promise() -> None:
    assert words.reason(Submission(error_code="unauthorized")) == (
        "The portal could not sign in to Sitecore CDP. Your entry is kept."
        " An administrator has to check the API credentials."
    )
    assert (
        words.reason(Submission(error_code="not_found")) == "Sitecore CDP has no order with this reference."
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_headline_of_its_own(outcome: Outcome) -> None:
    others = {words.headline(other) for other in Outcome if other != outcome}
    assert words.headline(outcome)
    assert words.headline(outcome) not in others


@pytest.mark.parametrize("code", [concerns.NO_IDENTITY, concerns.VERY_OLD, concerns.PHONE_NOT_READ])
def test_every_reason_to_stop_has_words(code: str) -> None:
    assert words.concern_words(Concern(code)) == str(words.CONCERNS[code])


@pytest.mark.parametrize(
    ("outcome", "start"),
    [
        (Outcome.CREATED, "A similar consumer was created on this order."),
        (Outcome.SENDING, "A similar consumer is being sent to this order."),
        (Outcome.UNKNOWN, "A similar consumer was sent to this order; it is unknown whether it exists."),
    ],
)
def test_a_similar_consumer_is_told_with_its_outcome_and_what_is_the_same(
    outcome: Outcome, start: str
) -> None:
    concern = Concern(concerns.SIMILAR, Submission(outcome=outcome), ("last_name", "emails"))
    assert words.concern_words(concern) == f"{start} The same: last name, email addresses."


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("gender: must be one of male, female", "Sitecore CDP says: must be one of male, female"),
        ("dateOfBirth: Date must be in the past", "Sitecore CDP says: Date must be in the past"),
        ("emails: a: b", "Sitecore CDP says: a: b"),
        ("no colon at all", "Sitecore CDP says: no colon at all"),
        ("emails:", "Sitecore CDP says: emails:"),
    ],
)
def test_the_vendors_message_is_told_without_its_technical_field_name(message: str, said: str) -> None:
    assert words.vendor_field_message(Submission(encrypted_vendor_message=encrypt(message))) == said
