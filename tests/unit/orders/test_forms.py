"""The input that the search form accepts, and its errors."""

from __future__ import annotations

import pytest

from apps.core.forms.errors import form_errors
from apps.orders.forms import FindOrderForm

ORDER = "2d7de9df-45a2-45ea-872c-30e45139007d"
GUEST = "F6FADFA7-E5C1-4B62-9362-DA5CC13DA58A"


def _errors(**values: str) -> dict[str, list[str]]:
    form = FindOrderForm(values)
    assert not form.is_valid()
    return {name: [str(message) for message in messages] for name, messages in form.errors.items()}


def _cleaned(**values: str) -> dict[str, str]:
    form = FindOrderForm(values)
    assert form.is_valid(), form.errors
    return {name: value for name, value in form.cleaned_data.items() if value}


def test_each_field_is_accepted_alone_and_trimmed() -> None:
    assert _cleaned(order_number="  B94TXY-1 ") == {"order_number": "B94TXY-1"}
    assert _cleaned(guest_ref=f" {GUEST} ") == {"guest_ref": GUEST}
    assert _cleaned(order_ref=ORDER) == {"order_ref": ORDER}


def test_pasted_links_are_reduced_to_their_references() -> None:
    host = "https://api-engage-eu.sitecorecloud.io/v2.1"
    assert _cleaned(order_ref=f"{host}/orders/{ORDER}/consumers?limit=10") == {"order_ref": ORDER}
    assert _cleaned(guest_ref=f"{host}/guests/{GUEST}?expand=true") == {"guest_ref": GUEST}


def test_empty_search_is_an_error_at_the_first_field() -> None:
    expected = ["Enter an order number, a guest reference or an order reference"]
    assert _errors(order_number=" ", guest_ref="", order_ref="") == {"order_number": expected}


@pytest.mark.parametrize("text", ["Jane Miller", "a/b", ORDER, "a" * 101])
def test_what_cannot_be_an_order_number_is_an_error(text: str) -> None:
    [message] = _errors(order_number=text)["order_number"]
    assert message in ("This cannot be an order number: check it", "This is too long: copy it again")


def test_second_field_is_an_error() -> None:
    assert _errors(order_number="B94TXY-1", guest_ref=GUEST) == {"guest_ref": ["Fill in one field only"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("123", ""),
        (f"{ORDER}0", ""),
        ("https://elsewhere.example/", "This link contains no such reference. "),
        ("../../guests", "This link contains no such reference. "),
    ],
)
def test_text_without_uuid_shape_is_no_reference(text: str, why: str) -> None:
    assert _errors(guest_ref=text) == {
        "guest_ref": [f"{why}Enter the guest reference in full: 36 characters with four hyphens"]
    }
    assert _errors(order_ref=text) == {
        "order_ref": [f"{why}Enter the order reference in full, such as {ORDER}"]
    }


def test_email_address_is_no_order_number() -> None:
    expected = ["Enter an order number, not an email address"]
    assert _errors(order_number="jane@example.com") == {"order_number": expected}


def test_each_error_of_the_summary_leads_to_its_field() -> None:
    form = FindOrderForm({"guest_ref": "123"})
    form.is_valid()
    assert [error.href for error in form_errors(form)] == ["#id_guest_ref"]
