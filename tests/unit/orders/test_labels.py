"""Every way in which the vendor's answer can fail has a label."""

from __future__ import annotations

import pytest
import time_machine
from pytest_django import Settings

from apps.consumers.labels import read_error_text
from apps.orders import labels

RECORDS = (labels.ORDER, labels.ORDERS, labels.GUEST, labels.ORDER_CONSUMER)
CODES = (
    "not_configured", "bad_reference", "deadline_passed", "name_not_resolved", "connect_refused",
    "connect_timeout", "connect_failed", "proxy_failed", "tls_failed", "invalid", "unauthorized", "forbidden",
    "not_found", "rate_limited", "read_timeout", "total_timeout", "connection_lost", "malformed_answer",
    "answer_too_large", "list_too_long",
)  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_known_failure_has_a_label_about_reading_and_not_about_an_entry(code: str) -> None:
    for what in RECORDS:
        text = " ".join([labels.title(what, code), *labels.sentences(what, code)])
        assert code not in text
        assert not any(word in text.lower() for word in ("entry", "send it", "please", "sorry", "invalid"))


def test_failure_without_a_label_is_shown_by_its_code() -> None:
    assert read_error_text("http_418") == "Sitecore CDP answered with an error (418)."


def test_only_a_missing_record_is_called_not_found() -> None:
    assert labels.title(labels.GUEST, "not_found") == "Guest not found"
    assert labels.title(labels.GUEST, "read_timeout") == "The guest cannot be shown now"


def test_retry_is_proposed_if_waiting_can_help() -> None:
    assert "Try again in a minute." in " ".join(labels.sentences(labels.ORDER, "read_timeout"))
    for code in ("unauthorized", "not_configured", "not_found"):
        assert not labels.is_retryable(code)
        assert "Try again" not in " ".join(labels.sentences(labels.ORDER, code))


@pytest.mark.parametrize(
    ("code", "seconds", "advice"),
    [
        ("rate_limited", 60.0, "Try again in a minute."),
        ("rate_limited", 60.5, "Try again after 7 March 2026, 12:02."),
        ("rate_limited", 1_800.0, "Try again after 7 March 2026, 12:30."),
        ("read_timeout", 1_800.0, "Try again in a minute."),
    ],
)
def test_wait_that_the_vendor_asked_for_is_named_if_it_is_longer_than_a_minute(
    code: str, seconds: float, advice: str, settings: Settings
) -> None:
    settings.TIME_ZONE = "UTC"
    with time_machine.travel("2026-03-07T12:00:00Z", tick=False):
        assert labels.sentences(labels.ORDER, code, retry_after=seconds)[-1].endswith(advice)


def test_refused_credentials_are_referred_to_an_administrator() -> None:
    text = " ".join(labels.sentences(labels.ORDER, "unauthorized"))
    assert "An administrator has to check the API credentials." in text
