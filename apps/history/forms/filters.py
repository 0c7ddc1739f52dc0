"""The filters of submissions, and the search for personal data, which must not appear in addresses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit import selectors as audit_selectors
from apps.consumers import searches
from apps.consumers.forms.fields import PlainTextField
from apps.consumers.models import DigestKind, Outcome
from apps.consumers.viewer import Viewer
from apps.core import clock
from apps.core.dates import midnight
from apps.core.forms.input import PortalForm
from apps.core.forms.long_select import LongSelect
from apps.core.forms.reference_field import ReferenceField
from apps.core.references import RecordKind
from apps.core.web.filters import DayField, PeriodForm, UnreadableAddress
from apps.history.selection import ATTENTION_LABELS, Period, Sort, SubmissionFilter

SEARCH = "search"  # prefix of the names of its fields
LONGEST_SEARCH = 500  # characters
MAX_MILLISECONDS = 2**31 - 1  # as much as the column holds
_SEARCH_GONE = _("This search is not yours or no longer exists. Search again.")
_SEARCH_UNREADABLE = _("This search cannot be read. Search again.")
_NOT_USABLE = "search_not_usable"  # the code of these errors
_PERSON_NOT_FOR_READER = _(
    "This view has a filter by person, but you see only your own submissions. Press Show to remove it"
)
_LINK_WILL_DO = _("A link from Sitecore CDP also works.")


def _linked(pattern: str) -> forms.RegexField:
    """A field that is not typed: its values come from links of the portal."""
    return forms.RegexField(rf"\A{pattern}\Z", required=False, strip=False, widget=forms.HiddenInput)


def _milliseconds() -> forms.IntegerField:
    return forms.IntegerField(
        required=False, min_value=0, max_value=MAX_MILLISECONDS, widget=forms.HiddenInput
    )


def _reference(kind: RecordKind, label: Any, what_to_enter: Any) -> ReferenceField:
    return ReferenceField(
        kind, label=label, help_text=_LINK_WILL_DO, what_to_enter=what_to_enter, uuid_shaped=False
    )


class SubmissionFilterForm(PeriodForm):
    """The filters. All are optional; a submission must match all that are set.

    Only a ``viewer`` who sees all submissions has a filter by person; for others it is ignored in the URL.
    In a saved view it is an error of the form: the reader's own rows would appear under the view's name.
    Raises :class:`UnreadableAddress` when it is validated with a value that only links carry and that no link
    of the portal has written.
    """

    period = forms.ChoiceField(
        label=_("Period"),
        required=False,
        choices=[("", _("Not chosen")), *Period.choices],
        help_text=_(
            "Without a period: the last 30 days, or all time with a reference, a list of people or a search."
        ),
        error_messages={"invalid_choice": _("Choose a period from the list")},
    )
    sort = forms.ChoiceField(
        label=_("Order of the list"),
        required=False,
        choices=Sort.choices,
        error_messages={"invalid_choice": _("Choose an order from the list")},
    )
    since = DayField(label=_("From"))
    until = DayField(label=_("To"))
    outcome = forms.MultipleChoiceField(
        label=_("Outcome"),
        required=False,
        choices=Outcome.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("Choose an outcome from the list")},
    )
    attention = forms.ChoiceField(
        label=_("Needs attention"),
        required=False,
        choices=[("", _("Not chosen")), *ATTENTION_LABELS.items()],
        error_messages={"invalid_choice": _("Choose a reason from the list")},
    )
    person = forms.ChoiceField(
        label=_("Person"),
        required=False,
        widget=LongSelect,
        error_messages={"invalid_choice": _("Choose a person from the list")},
    )
    order = _reference(RecordKind.ORDER, _("Order reference"), _("Enter the reference of an order"))
    consumer = _reference(
        RecordKind.CONSUMER, _("Consumer reference"), _("Enter the reference of a consumer")
    )
    guest = _reference(RecordKind.GUEST, _("Guest reference"), _("Enter the reference of a guest"))
    reason = _linked("[a-z0-9_]{1,40}")
    answered_from = _milliseconds()
    answered_under = _milliseconds()
    search = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)  # a token
    batch = forms.UUIDField(required=False, label=_("List"), widget=forms.HiddenInput)  # of people
    view = forms.UUIDField(required=False, widget=forms.HiddenInput)  # the saved view that was opened

    def __init__(self, values: QueryDict, *, viewer: Viewer) -> None:
        super().__init__(values)
        self.viewer = viewer
        if viewer.sees_all:
            people = [("", _("Anyone")), *audit_selectors.people()]
            cast("forms.ChoiceField", self.fields["person"]).choices = people
        else:
            del self.fields["person"]

    def __iter__(self) -> Iterator[BoundField]:
        """The fields without empty hidden ones, which would only make the next address longer.

        Also without a search that cannot be used: the next address would have the same error.
        """
        left_out = {"search"} if self.has_error(NON_FIELD_ERRORS, code=_NOT_USABLE) else set()
        return (
            field
            for field in super().__iter__()
            if not field.is_hidden or (field.value() and field.name not in left_out)
        )

    def clean_search(self) -> searches.Search | None:
        """The search that the token names. One that cannot be used is an error of the whole form."""
        token = self.cleaned_data["search"]
        if not token:
            return None
        try:
            return searches.unseal(token, self.viewer.person_id)
        except searches.SearchGone:
            message = _SEARCH_GONE
        except searches.SearchUnreadable:
            message = _SEARCH_UNREADABLE
        self.add_error(None, ValidationError(message, code=_NOT_USABLE))
        return None

    def clean(self) -> dict[str, Any]:
        super().clean()
        # Addresses once contained digests. Without the search they would show rows that do not match it.
        if any(name in self.data for name in DigestKind.values):
            raise UnreadableAddress
        if any(self.fields[name].widget.is_hidden for name in self.errors if name in self.fields):
            raise UnreadableAddress
        if self.data.get("view") and self._names_another_person():
            self.add_error(None, _PERSON_NOT_FOR_READER)
        return self.cleaned_data

    def _names_another_person(self) -> bool:
        """Whether the address has a filter by another person, which this viewer may not use."""
        named = set(cast("QueryDict", self.data).getlist("person"))
        return "person" not in self.fields and not named <= {"", self.viewer.person_id}

    @property
    def has_default_period(self) -> bool:
        """Whether the last :data:`PERIOD_DAYS` days apply, as no filter sets a period. Needs a valid form."""
        names = ("period", "since", "until", "attention", "order", "consumer", "guest", "batch", "search")
        return not any(self.cleaned_data[name] for name in names)

    def query(self) -> dict[str, Any]:
        """The filters of the address unchanged, without other parameters, for links; outcomes as a list."""
        values = cast("QueryDict", self.data)
        return {
            name: values.getlist(name) if name == "outcome" else str(values[name])
            for name in values
            if name in self.fields
        }

    def stored_query(self) -> dict[str, list[str]]:
        """The filters as a saved view stores them: without search and view. Needs a valid form."""
        values = cast("QueryDict", self.data)
        names = [name for name in self.fields if name not in ("search", "view") and self.cleaned_data[name]]
        names += [name for name in ("answered_from", "answered_under") if self.cleaned_data[name] == 0]
        return {name: values.getlist(name) for name in names}

    @property
    def relative_period(self) -> Period | None:
        """The relative period in effect, also the default; None without one. Call it on a valid form."""
        if self.has_default_period:
            return Period.LAST_DAYS
        chosen = self.cleaned_data["period"]
        return Period(chosen) if chosen not in ("", Period.ALL) else None

    @property
    def chosen_sort(self) -> Sort:
        """The order of the list. Call it on a valid form."""
        return Sort(self.cleaned_data["sort"])

    def asked(self) -> SubmissionFilter:
        """The filters as values; days are in the reader's time zone. Call it on a valid form.

        A relative period is resolved now. With days beside it, both apply.
        """
        data = self.cleaned_data
        period = self.relative_period or Period.ALL
        first, end = period.days(timezone.localdate(clock.now()))
        since = max((day for day in (first, data["since"]) if day), default=None)
        until = data["until"] + dt.timedelta(days=1) if data["until"] else None
        until = min((day for day in (end, until) if day), default=None)
        return SubmissionFilter(
            since=midnight(since) if since else None,
            until=midnight(until) if until else None,
            outcomes=tuple(outcome for outcome in Outcome if outcome in data["outcome"]),
            attention=data["attention"],
            person=data.get("person", ""),
            order_ref=data["order"],
            consumer_ref=data["consumer"],
            guest_ref=data["guest"],
            batch=data["batch"],
            reason=data["reason"],
            answered_from=data["answered_from"],
            answered_under=data["answered_under"],
            search=data["search"],
        )


class SearchForm(PortalForm):
    """A search for an exact value of a consumer. It is sent by POST."""

    def __init__(self, values: QueryDict | None = None, *, sealed: Mapping[str, str] | None = None) -> None:
        """``sealed``: the values of a sealed entry."""
        typed = {name.removeprefix(f"{SEARCH}-"): value for name, value in (sealed or {}).items()}
        super().__init__(values, initial=typed, prefix=SEARCH)
        for kind in DigestKind:
            self.fields[kind.value] = PlainTextField(
                label=kind.label,
                max_length=LONGEST_SEARCH,
                too_long=_("This is too long: copy it again"),
            )

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors and not any(self.cleaned_data.values()):
            self.add_error(DigestKind.EMAIL.value, _("Enter what you are looking for in one of the fields"))
        return self.cleaned_data

    def values(self) -> dict[DigestKind, str]:
        """What is searched for. Call it on a valid form."""
        return {kind: self.cleaned_data[kind.value] for kind in DigestKind if self.cleaned_data[kind.value]}
