"""The typed, sent, stored and displayed values are the same, for random consumers.

The rules for allowed changes (surrounding blanks, the domain of an e-mail address, E.164, the upper case of a
passport number) are written here a second time, so that the portal is not compared with itself.
"""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.utils.html import escape
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from apps.consumers import value_lists
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import Outcome, Submission
from apps.consumers.presenters.comparison import Compared
from apps.core.forms.input import LineField, NameField
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import creates, identifier_rows, on_page, rows, typed

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db(transaction=True)

# The database stores the values encrypted, as bytes: on PostgreSQL a few examples are enough.
EXAMPLES = 60 if connection.vendor == "sqlite" else 10
NEW = "/consumers/new/"
FORM = "application/x-www-form-urlencoded"
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]


@dataclass(frozen=True)
class Typed:
    """An entry as a browser posts it, and the expected body at the vendor if it is sent."""

    values: dict[str, str]
    wire: dict[str, Any]


# --- Entries --------------------------------------------------------------------------------------
HOSTILE = [
    "محمد عبد الله",
    "司馬遼太郎",
    "Zoe\N{COMBINING DIAERESIS}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "Ida 👩🏽\N{ZERO WIDTH JOINER}🚀",
    '"><script>alert(1)</script>',
    "{% debug %}{{ settings.SECRET_KEY }}",
    '","lastName":"Else","x":"',
    "\\u0000\\",
    "'; DROP TABLE x; --",
    "&amp;&#x27;&quot",
    "%(name)s %s {0}",
    "null",
    "0",
]
BLANKS = st.sampled_from(["", "", "", " ", "  ", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}"])
# Anything a browser can post: it replaces lone surrogates itself.
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100).filter(str.strip)
WITH_CONTROLS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=110)
PADDED = st.builds("{}{}{}".format, BLANKS, st.one_of(st.sampled_from(HOSTILE), ANY), BLANKS)
# Mostly valid values, so that they reach the wire; sometimes any text as a name.
NAMES = st.one_of(PADDED, PADDED, PADDED, PADDED, PADDED, WITH_CONTROLS)
LABEL = st.text("abcXYZ019", min_size=1, max_size=12)
PHONES = st.one_of(
    st.sampled_from(
        [
            ("085 123 4567", "+353851234567"),
            ("+44 20 7946 0958", "+442079460958"),
            ("(01) 611-23345", "(01) 611-23345"),  # too long for any kind of number
            ("reception ☎", "reception ☎"),
            ("085 123 4567 ext. 3", "085 123 4567 ext. 3"),
            ("０８５ 1234567", "+353851234567"),
            ("085 1234567/8", "085 1234567/8"),
        ]
    ),
    st.integers(0, 9999999).map(lambda n: (f"085 {n:07}", f"+35385{n:07}")),
)


@st.composite
def dates_of_birth(draw: st.DrawFn) -> tuple[str, str]:
    """A date in one of the usual notations, and as the vendor's text."""
    date = draw(st.dates(datetime.date(1, 1, 1), datetime.date(2020, 12, 31)))
    year, month = f"{date.year:04}", MONTHS[date.month - 1]
    written = draw(
        st.sampled_from(
            [
                f"{date.day} {date.month} {year}",
                f"{date.day:02}/{date.month:02}/{year}",
                f"{date.day} {month} {year}",
                f"{year}-{date.month:02}-{date.day:02}",
                f" {month[:3]} {date.day}, {year} ",
            ]
        )
    )
    return written, f"{year}-{date.month:02}-{date.day:02}T00:00:00Z"


@st.composite
def entries(draw: st.DrawFn) -> Typed:
    """A whole entry with any number of rows, some of them empty."""
    texts = {
        "first_name": draw(NAMES),
        "last_name": draw(NAMES),
        "nationality": draw(st.one_of(st.just(""), PADDED)),
        "passport_number": draw(
            st.one_of(
                st.just(""), st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
            )
        ),
        "title": draw(st.sampled_from(["", "Dr", "Mrs"])),
        "gender": draw(st.sampled_from(["", "male", "female", "unknown"])),
        "country": draw(st.sampled_from(["", "IE", "CI", "AX"])),
    }
    born = draw(st.one_of(st.just(("", "")), dates_of_birth()))
    emails = draw(st.lists(st.tuples(LABEL, LABEL), max_size=3))  # a duplicate is an error
    numbers = draw(st.lists(PHONES, max_size=3))
    pairs = draw(st.lists(st.tuples(PADDED, PADDED), max_size=20))
    values = {
        "token": str(uuid.uuid4()),
        "order_ref": SAMPLE_ORDER,
        "date_of_birth": born[0],
        **texts,
        **rows("emails", [f" {local}@{domain}.Example" for local, domain in emails] or [""]),
        **rows("phone_numbers", [number for number, _read in numbers] or [""]),
        **identifier_rows([("", ""), *pairs]),  # an empty row is ignored at any position
    }
    wire = {
        "firstName": NameField.visible(texts["first_name"]),
        "lastName": NameField.visible(texts["last_name"]),
        "nationality": LineField.visible(texts["nationality"]),
        "passportNumber": LineField.visible(texts["passport_number"]).upper(),
        "title": texts["title"],
        "gender": texts["gender"],
        "country": texts["country"],
        "dateOfBirth": born[1],
        "emails": [f"{local}@{domain.lower()}.example" for local, domain in emails],
        "phoneNumbers": [read for _number, read in numbers],
        "identifiers": [
            {"provider": provider, "id": id_}
            for provider, id_ in ((LineField.visible(one), LineField.visible(other)) for one, other in pairs)
            if provider or id_
        ],
    }
    return Typed(values, {name: value for name, value in wire.items() if value})


# --- The property ---------------------------------------------------------------------------------
def read_once(text: str) -> dict[str, Any]:
    """The JSON of a body; fails if a name occurs twice, because parsers differ in which they use."""

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _value in pairs}) == len(pairs), "a name stands in the body twice"
        return dict(pairs)

    body: dict[str, Any] = json.loads(text, object_pairs_hook=object_of)
    return body


def on_receipt(wire: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """What the receipt has to show for this body, label by label."""
    shown: dict[str, tuple[str, ...]] = {}
    for ours, theirs in {
        "title": "title",
        "first_name": "firstName",
        "last_name": "lastName",
        "gender": "gender",
        "date_of_birth": "dateOfBirth",
        "emails": "emails",
        "phone_numbers": "phoneNumbers",
        "nationality": "nationality",
        "passport_number": "passportNumber",
        "country": "country",
        "identifiers": "identifiers",
    }.items():
        value = wire.get(theirs)
        if not value:
            continue
        if theirs == "dateOfBirth":
            year, month, day = value.removesuffix("T00:00:00Z").split("-")
            texts: tuple[str, ...] = (f"{int(day)} {MONTHS[int(month) - 1]} {year}",)
        elif theirs == "identifiers":
            texts = tuple(f"{pair['provider']}: {pair['id']}" for pair in value)
        elif isinstance(value, list):
            texts = tuple(value)
        else:
            known = {
                "gender": value.capitalize(),
                "country": f"{value_lists.country_name(value)} ({value})",
            }
            texts = (known.get(theirs, value),)
        shown[str(FIELD_LABELS[ours])] = texts
    return shown


def send(client: Client, values: dict[str, str]) -> Response:
    """Post as a browser does; if the page shows a warning, create anyway."""
    response = client.post(NEW, urlencode(values), content_type=FORM)
    if response.status_code == 200 and response.context.get("warnings"):
        assert typed(on_page(response)) == typed(values)
        again = {**values, "accepted": response.context["accepted"], "similar_reason": "other"}
        response = client.post(NEW, urlencode(again), content_type=FORM)
    return response


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # without shrinking, which takes minutes over a real wire
    # One person and one sandbox for all examples: the growing order is a part of the test.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(entry=entries())
def test_typed_sent_and_displayed_values_are_equal(
    as_staff: Client, sandbox: SandboxServer, entry: Typed
) -> None:
    sends, known = len(creates(sandbox)), len(sandbox.sandbox.consumers(SAMPLE_ORDER))
    response = send(as_staff, entry.values)

    if response.status_code == 200:
        event("refused")
        assert response.context["errors"], "neither sent nor an error shown"
        assert typed(on_page(response)) == typed(entry.values)
        assert len(creates(sandbox)) == sends
        return

    event("sent")
    submission = Submission.objects.latest("id")
    assert submission.outcome == Outcome.CREATED
    assert (response.status_code, len(creates(sandbox))) == (303, sends + 1)
    [stored] = sandbox.sandbox.consumers(SAMPLE_ORDER)[known:]
    body = read_once(stored.body)
    assert body == entry.wire

    receipt = as_staff.get(response["Location"])
    lines: tuple[Compared, ...] = receipt.context["page"].rows
    assert {line.label: line.sent for line in lines} == on_receipt(body)
    assert [line.label for line in lines if line.differs] == []
    page = receipt.content.decode()
    for line in lines:
        for sent_value in line.sent:
            assert escape(sent_value) in page
