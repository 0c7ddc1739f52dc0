"""Valid and invalid arguments of the history's addresses."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import DigestKind
from apps.consumers.sending.digests import search_digest
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core import clock
from apps.core.web.filters import UnreadableAddress
from apps.history.forms.filters import SearchForm, SubmissionFilterForm
from apps.history.selection import SubmissionFilter
from tests.support.searches import token

DIGEST = "0123456789abcdef" * 4


def form_of(query: str, reader: User | None = None) -> SubmissionFilterForm:
    return SubmissionFilterForm(QueryDict(query), viewer=Viewer(str(reader.pk) if reader else "1"))


def of_search(person: User) -> str:
    """The part of an address that names a search of this person."""
    return urlencode({"search": token(person, phone="+353851234567", last_name="Zed")})


def asked(query: str, reader: User | None = None) -> SubmissionFilter:
    form = form_of(query, reader)
    assert form.is_valid(), form.errors
    return form.asked()


def test_default_range_is_the_last_thirty_days() -> None:
    with timezone.override(ZoneInfo("Asia/Kathmandu")):
        since = asked("").since
        assert since is not None
        today = timezone.localdate()
        assert since.isoformat() == f"{today - dt.timedelta(days=29)}T00:00:00+05:45"
    assert asked("outcome=created").since is not None


def test_period_is_resolved_in_the_readers_zone_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: dt.datetime(2026, 11, 29, 22, 30, tzinfo=dt.UTC))  # a Sunday
    with timezone.override(ZoneInfo("America/New_York")):
        found = asked("period=last-week")
    assert found.since is not None
    assert found.until is not None
    assert (found.since.isoformat(), found.until.isoformat()) == (
        "2026-11-16T00:00:00-05:00",
        "2026-11-23T00:00:00-05:00",
    )
    with timezone.override(ZoneInfo("Asia/Kathmandu")):  # Monday there
        since = asked("period=this-week").since
        assert since is not None
        assert since.isoformat() == "2026-11-30T00:00:00+05:45"


def test_days_beside_a_period_apply_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC))
    with timezone.override(ZoneInfo("UTC")):
        found = asked("period=last-month&since=2026-10-10&until=2026-12-24")
    assert found.since == dt.datetime(2026, 10, 10, tzinfo=dt.UTC)
    assert found.until == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "query",
    ["period=all", "order=ord-1", "consumer=c-1", "guest=g-1", "until=2026-03-07", f"batch={DIGEST[:32]}"],
)
def test_time_reference_or_search_removes_the_default_range(query: str) -> None:
    assert asked(query).since is None


def test_days_are_whole_days_in_the_readers_time_zone() -> None:
    with timezone.override(ZoneInfo("America/New_York")):
        found = asked("since=2026-03-08&until=8.3.2026")  # its clocks change on that day
    assert found.since is not None
    assert found.until is not None
    assert found.since.isoformat() == "2026-03-08T00:00:00-05:00"
    assert found.until.isoformat() == "2026-03-09T00:00:00-04:00"


@pytest.mark.parametrize("text", ["7 March 2026", "7/3/2026", " 2026-03-07 ", "2026 3 7", "7mar2026"])
def test_days_are_read_like_dates_of_birth(text: str) -> None:
    values = QueryDict(mutable=True)
    values["since"] = text
    form = SubmissionFilterForm(values, viewer=Viewer("1"))
    assert form.is_valid()
    assert form.cleaned_data["since"] == dt.date(2026, 3, 7)


def test_day_month_order_is_a_setting(settings: Settings) -> None:
    settings.DATE_ORDER = "month-day"
    form = form_of("since=3/7/2026")
    assert form.is_valid()
    assert form.cleaned_data["since"] == dt.date(2026, 3, 7)
    assert 'data-date-order="month-day"' in str(form["since"])


@pytest.mark.parametrize(
    "text", ["2026-03", "31 February 2026", "9999-12-31", "1969-12-31", "yesterday", "x" * 50]
)
def test_invalid_day_returns_as_typed(text: str) -> None:
    values = QueryDict(mutable=True)
    values["until"] = text
    form = SubmissionFilterForm(values, viewer=Viewer("1"))
    assert form.errors["until"] == ["Enter a date, such as 2026-03-07"]
    assert f'value="{text}"' in str(form["until"])


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ord-1", "ord-1"),
        ("https://api.example.com/v2/orders/ord-1", "ord-1"),
        (" https://api.example.com/v2/orders/ord-1/?expand=all#top ", "ord-1"),
    ],
)
def test_pasted_link_is_reduced_to_its_reference(text: str, reference: str) -> None:
    values = QueryDict(mutable=True)
    values["order"] = text
    form = SubmissionFilterForm(values, viewer=Viewer("1"))
    assert form.is_valid()
    assert form.asked().order_ref == reference


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("since=2026-03-08&until=2026-03-07", "until", "The last day must not be before the first day"),
        ("outcome=teleported", "outcome", "Choose an outcome from the list"),
        ("outcome=created&outcome=teleported", "outcome", "Choose an outcome from the list"),
        ("period=last-year", "period", "Choose a period from the list"),
        ("period=today&period=all", "period", "This was sent twice with different values."),
        ("sort=name", "sort", "Choose an order from the list"),
        ("attention=all", "attention", "Choose a reason from the list"),
        ("order=ida@example.com", "order", "This is an email address. Enter the reference of an order"),
        ("consumer=a+b", "consumer", "Enter the reference of a consumer"),
        ("guest=%00", "guest", "Remove the line breaks and control characters"),
        ("order=ord-1&order=ord-2", "order", "This was sent twice with different values."),
    ],
)
def test_unreadable_input_is_an_error_at_its_field(query: str, name: str, words: str) -> None:
    errors = form_of(query).errors
    assert set(errors) == {name}
    assert str(errors[name][0]).startswith(words)


@pytest.mark.parametrize(
    "query",
    [*(f"{kind}={DIGEST}" for kind in DigestKind), "email=", "view=1", "batch=1", "reason=A+b",
     "answered_from=-1", "answered_under=1e3", f"answered_from={2**31}", "search=a&search=b",
     "search=a%00", "reason=a%0A"],
)  # fmt: skip
def test_unreadable_link_parameter_makes_the_address_unreadable(query: str) -> None:
    with pytest.raises(UnreadableAddress):
        form_of(query).is_valid()


@pytest.mark.django_db
def test_filter_by_person_needs_permission_to_see_all() -> None:
    assert asked("person=1").person == ""
    assert "person" not in form_of("").fields
    form = SubmissionFilterForm(QueryDict("person=1"), viewer=UNRESTRICTED)
    assert form.errors["person"] == ["Choose a person from the list"]


@pytest.mark.django_db
def test_recorded_filters_have_values_except_of_searches_and_unknown_references(staff: User) -> None:
    query = f"since=2026-03-07&outcome=created&order=ord-1&reason=busy&answered_under=5&{of_search(staff)}"
    last = ["phone", "last_name"]
    found = asked(query, staff).recorded(found=True)
    expected = ["outcomes:created", "order_ref:ord-1", "reason:busy", "answered_under:5", *last]
    assert found[1:] == expected
    assert found[0].startswith("since:2026-03-0")
    expected[1] = "order_ref"
    assert asked(query, staff).recorded(found=False)[1:] == expected


@pytest.mark.django_db
def test_search_is_the_readers_own_and_removes_the_default_range(staff: User) -> None:
    query = of_search(staff)
    found = asked(query, staff)
    assert found.since is None
    assert [kind for kind, _digest in found.digests] == [DigestKind.PHONE, DigestKind.LAST_NAME]
    assert f'name="search" value="{QueryDict(query)["search"]}"' in "".join(map(str, form_of(query, staff)))


@pytest.mark.django_db
def test_search_that_cannot_be_used_is_an_error_and_not_in_the_next_address(
    staff: User, supervisor: User
) -> None:
    form = form_of(f"outcome=created&{of_search(staff)}", supervisor)
    assert form.errors == {"__all__": ["This search is not yours or no longer exists. Search again."]}
    assert [field.name for field in form if field.is_hidden] == []


def searched(**typed: str) -> SearchForm:
    values = QueryDict(mutable=True)
    values.update({f"search-{name}": value for name, value in typed.items()})
    return SearchForm(values)


@pytest.mark.parametrize(
    ("kind", "sent", "typed"),
    [
        (DigestKind.EMAIL, "Aoife.Zed@example.com", " aoife.zed@EXAMPLE.com "),
        (DigestKind.PHONE, "+353851234567", "+353 (85) 123-45-67"),
        (DigestKind.PHONE, "ext 12 ab", "ext12ab"),
        (DigestKind.PASSPORT, "PZ4A9565", "pz4a9565"),
        (DigestKind.IDENTIFIER, "PS-77-Zaphod", " PS-77-Zaphod"),
        (DigestKind.LAST_NAME, "O’Beeblebrox", "o’BEEBLEBROX"),
        (DigestKind.LAST_NAME, "Zoe\u0308  Maria", "zo\u00eb maria"),
    ],
)
def test_value_is_found_in_any_notation(kind: DigestKind, sent: str, typed: str) -> None:
    form = searched(**{kind.value: typed})
    assert form.is_valid()
    [(found, value)] = form.values().items()
    assert (found, search_digest(kind, value)) == (kind, search_digest(kind, sent))


def test_identifiers_are_compared_exactly() -> None:
    form = searched(identifier="ps-77-zaphod")
    assert form.is_valid()
    value = form.values()[DigestKind.IDENTIFIER]
    digests = {search_digest(DigestKind.IDENTIFIER, one) for one in (value, "PS-77-Zaphod")}
    assert len(digests) == 2


def test_empty_search_is_an_error() -> None:
    form = searched(email=" ", last_name="")
    assert form.errors == {"email": ["Enter what you are looking for in one of the fields"]}
