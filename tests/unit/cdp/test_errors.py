"""The values of an error: plain, and with the defaults of its class."""

from __future__ import annotations

from apps.cdp.errors import CdpInvalid, CdpNotConfigured, CdpServerFault


def test_error_has_the_defaults_of_its_class() -> None:
    assert vars(CdpInvalid()) == {
        "code": "invalid",
        "http_status": None,
        "field": "",
        "vendor_message": "",
        "retry_after": None,
        "detail": "",
    }
    assert (CdpServerFault().code, CdpInvalid("http_422").code) == ("http_500", "http_422")


def test_error_has_the_given_values() -> None:
    values = {
        "http_status": 422,
        "field": "emails",
        "vendor_message": "emails: no",
        "retry_after": 2.5,
        "detail": "a sentence",
    }
    error = CdpInvalid("http_422", **values)  # type: ignore[arg-type]  # each of its own type
    assert vars(error) == {"code": "http_422", **values}


def test_text_of_an_error_is_its_code_and_our_sentence() -> None:
    assert str(CdpNotConfigured()) == "not_configured"
    assert str(CdpNotConfigured(detail="CDP_PROXY is odd")) == "not_configured: CDP_PROXY is odd"
    assert CdpInvalid("http_422", vendor_message="MARKER").args == ("http_422",)
