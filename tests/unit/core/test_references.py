"""Every reference field accepts the bare reference and any link, and reports other input."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from django import forms
from django.http import QueryDict

from apps.audit.forms.log import LogFilterForm
from apps.consumers.forms.fields import OrderReferenceField
from apps.consumers.viewer import UNRESTRICTED
from apps.core.forms.reference_field import ReferenceField
from apps.core.references import (
    NoReference,
    RecordKind,
    reference_in_link,
    same_reference,
    spellings,
)
from apps.history.forms.filters import SubmissionFilterForm
from apps.orders.forms import FindOrderForm

REF = "2D7de9df-45a2-45ea-872c-30e45139007d"
OTHER = "f6fadfa7-e5c1-4b62-9362-da5cc13da58a"
API = "https://api-engage-eu.sitecorecloud.io/v2.1"
ORDER_PAGE = f"https://app.boxever.com/#/orders/{REF}"


def proofpoint_2(link: str) -> str:
    encoded = (
        quote(link, safe="/").replace("-", "-2D").replace("_", "-5F").replace("%", "-").replace("/", "_")
    )
    return f"https://urldefense.proofpoint.com/v2/url?u={encoded}&d=DwMFaQ&c=x"


WRAPPED: dict[str, Callable[[str], str]] = {
    "bare": lambda link: link,
    "Safe Links": lambda link: (
        f"https://eur01.safelinks.protection.outlook.com/?url={quote(link, safe='')}&data=05%7C01&reserved=0"
    ),
    "Google": lambda link: f"https://www.google.com/url?q={quote(link, safe='')}&sa=D",
    "Barracuda": lambda link: f"https://linkprotect.cudasvc.com/url?a={quote(link, safe='')}&c=E,1",
    "Proofpoint 2": proofpoint_2,
    "Proofpoint 3": lambda link: f"https://urldefense.com/v3/__{link.replace('#', '*')}__;Iw!!Ab!x$",
    "two of them": lambda link: WRAPPED["Google"](WRAPPED["Safe Links"](link)),
    "in brackets of a mail": lambda link: f"<{link}>.",
}
LINKS = {
    RecordKind.ORDER: [
        f"{API}/orders/{REF}",
        f"{API}/orders/{REF}/consumers?limit=10#top",
        ORDER_PAGE,
        f"app.boxever.com/#/orders/{REF}?tab=items",
        f"http://127.0.0.1:8030/orders/{REF}/",
        f"http://127.0.0.1:8030/consumers/new/?order={REF}",
        f"https://app.example/%6Frders/{REF}",
    ],
    RecordKind.GUEST: [
        f"{API}/guests/{REF}?expand=true",
        f"https://app.boxever.com/#/guests/{REF}/profile",
        f"{API}/orders?guestRef={REF}&offset=1",
    ],
    RecordKind.CONSUMER: [
        f"{API}/orderConsumers/{REF}",
        f"http://127.0.0.1:8030/order-consumers/{REF}/?order={OTHER}",
    ],
    RecordKind.SUBMISSION: [f"https://portal.example.com/submissions/{REF}/"],
}
CASES = [(kind, link) for kind, links in LINKS.items() for link in links]


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize(("kind", "link"), CASES)
def test_wrapped_link_is_reduced_to_its_reference(kind: RecordKind, link: str, wrapped: str) -> None:
    if "://" not in link and wrapped not in ("bare", "in brackets of a mail"):
        link = f"https://{link}"  # a filter accepts only complete links
    pasted = WRAPPED[wrapped](link)
    assert reference_in_link(pasted, kind) == REF
    assert reference_in_link(pasted) == REF


@pytest.mark.parametrize(("kind", "link"), CASES)
def test_link_to_another_kind_of_record_names_that_kind(kind: RecordKind, link: str) -> None:
    for wanted in set(RecordKind) - {kind}:
        if f"{wanted}={OTHER}" in link:
            assert reference_in_link(link, wanted) == OTHER  # the reader's previous page
            continue
        with pytest.raises(NoReference) as refused:
            reference_in_link(link, wanted)
        assert refused.value.other is kind


@pytest.mark.parametrize(
    "link",
    [
        f"{API}/orders/",
        f"{API}/orders/..%2F{REF}",
        f"../{REF}",
        f"{API}/orders/{REF}%2Fconsumers",
        f"{API}/orders/{REF}0",
        f"{API}/orders/{REF}?order={REF[:-1]}&page=/orders/{OTHER}",
        "https://[orders/x",
        "//",
        "https://example.com/?url=https%3A%2F%2Fexample.com%2F%3Furl%3D%5Bhttps",
    ],
)
def test_link_to_no_record_is_no_reference(link: str) -> None:
    if f"/orders/{REF}?" in link:
        assert reference_in_link(link, RecordKind.ORDER) == REF
        return
    with pytest.raises(NoReference):
        reference_in_link(link, RecordKind.ORDER)


def test_word_after_the_kind_is_a_page_and_no_reference() -> None:
    for link in ("https://portal/consumers/new/?tab=1", "https://app.boxever.com/#/guests/search"):
        with pytest.raises(NoReference):
            reference_in_link(link, uuid_shaped=False)
    assert reference_in_link(f"{API}/orders/ord-1/consumers", RecordKind.ORDER, uuid_shaped=False) == "ord-1"


def test_punctuation_around_a_reference_is_ignored() -> None:
    for typed in (f"<{REF}>.", f'"{REF}"', f"({REF}),", f"{{{REF}}}"):
        assert filled(EntryOrder, "order_ref", typed).is_valid(), typed


def test_link_with_two_orders_is_refused() -> None:
    with pytest.raises(NoReference):
        reference_in_link(f"{API}/orders/{REF}/orders/{OTHER}", RecordKind.ORDER)
    assert reference_in_link(f"{API}/orders/{REF}/orders/{REF.lower()}", RecordKind.ORDER) == REF.lower()
    assert reference_in_link(f"/orders/{REF}/", RecordKind.ORDER) == REF


# --- In every form --------------------------------------------------------------------------------
def filled(form: Callable[[QueryDict], forms.Form], name: str, text: str) -> forms.Form:
    values = QueryDict(mutable=True)
    values[name] = text
    return form(values)


def submissions(values: QueryDict) -> forms.Form:
    return SubmissionFilterForm(values, viewer=UNRESTRICTED)


class EntryOrder(forms.Form):
    """Only the order field of the entry."""

    order_ref = OrderReferenceField()


FIELDS: list[tuple[Callable[[QueryDict], forms.Form], str, RecordKind]] = [
    (EntryOrder, "order_ref", RecordKind.ORDER),
    (FindOrderForm, "order_ref", RecordKind.ORDER),
    (FindOrderForm, "guest_ref", RecordKind.GUEST),
    (submissions, "order", RecordKind.ORDER),
    (submissions, "consumer", RecordKind.CONSUMER),
    (submissions, "guest", RecordKind.GUEST),
    (LogFilterForm, "reference", RecordKind.SUBMISSION),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("form", "name", "kind"), FIELDS)
def test_every_reference_field_accepts_every_kind_of_link(
    form: Callable[[QueryDict], forms.Form], name: str, kind: RecordKind
) -> None:
    for link in [REF, f" {REF}\u200b", *LINKS[kind], *(wrap(LINKS[kind][0]) for wrap in WRAPPED.values())]:
        read = filled(form, name, link)
        assert isinstance(read.fields[name], ReferenceField)
        assert name not in read.errors, link
        assert read.cleaned_data[name] == REF


@pytest.mark.django_db
@pytest.mark.parametrize(("form", "name", "kind"), FIELDS[:-1])  # the audit log's accepts every kind
def test_every_reference_field_names_the_other_kind_it_was_given(
    form: Callable[[QueryDict], forms.Form], name: str, kind: RecordKind
) -> None:
    other = RecordKind.GUEST if kind is not RecordKind.GUEST else RecordKind.ORDER
    for typed, named in (
        (LINKS[other][0], f"This link leads to {'a guest' if other is RecordKind.GUEST else 'an order'}. "),
        ("https://app.boxever.com/#/dashboard", "This link contains no such reference. "),
        ("jane@example.com", "This is an email address. "),
    ):
        [message] = filled(form, name, typed).errors[name]
        assert str(message).startswith(f"{named}Enter the ")


# --- The same reference ---------------------------------------------------------------------------
PLAIN = REF.replace("-", "")


def test_case_and_dashes_are_ignored() -> None:
    assert same_reference(REF, PLAIN.upper())
    assert not same_reference(REF, f"1{REF[1:]}")
    assert not same_reference("", "")
    assert not same_reference(REF, "")


def test_every_spelling_is_searched_in_lower_case() -> None:
    assert set(spellings(PLAIN.upper())) == set(spellings(REF)) == {REF.lower(), PLAIN.lower()}
    assert "odd-one" in spellings("Odd-One")
