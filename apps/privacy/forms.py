"""The forms of the access report: the question, which is posted, and the address of its answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.consumers import searches
from apps.consumers.forms.fields import PlainTextField
from apps.consumers.models import DigestKind
from apps.core.dates import midnight
from apps.core.forms.reference_field import ReferenceField
from apps.core.references import UUID_SHAPED, RecordKind, with_dashes
from apps.core.web.filters import DayField, PeriodForm, UnreadableAddress
from apps.privacy import report, subjects
from apps.privacy.candidates import Span
from apps.privacy.services import Question

LONGEST = 500  # characters
_REFERENCES = {RecordKind.CONSUMER: _("Consumer reference"), RecordKind.GUEST: _("Guest reference")}
_WHAT_TO_ENTER = {
    RecordKind.CONSUMER: _("Enter the reference of a consumer"),
    RecordKind.GUEST: _("Enter the reference of a guest"),
}
_NAMING = ("consumer", "guest", "search")  # the parameters of an address that name a person


_NOT_KNOWN = _("The portal knows no such reference. Check it, or choose what you know of the person.")


class AskForm(PeriodForm):
    """What is known of the person: a reference, or an exact value. It is sent by POST."""

    kind = forms.ChoiceField(
        label=_("What you know of the person"),
        choices=[
            ("", _("Choose")),
            *((kind.value, label) for kind, label in _REFERENCES.items()),
            *DigestKind.choices,
        ],
        error_messages={
            "required": _("Choose what you know of the person"),
            "invalid_choice": _("Choose what you know of the person"),
        },
    )
    value = PlainTextField(
        label=_("Reference or exact value"),
        max_length=LONGEST,
        too_long=_("This is too long: copy it again"),
        help_text=_("Exact matches only. A link from Sitecore CDP also works for a reference."),
    )
    since = DayField(label=_("From (optional)"))
    until = DayField(label=_("To (optional)"))

    def __init__(self, values: QueryDict | None = None, *, typed: Mapping[str, str] | None = None) -> None:
        """``typed``: the values of a sealed entry, or of the address."""
        super().__init__(values, initial=dict(typed or {}))

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "value" in self.errors or "kind" in self.errors:
            return data
        if not data["value"]:
            self.add_error("value", _("Enter the reference or the value"))
        elif self.record_kind is not None:
            kind = self.record_kind
            field = ReferenceField(kind, what_to_enter=_WHAT_TO_ENTER[kind], uuid_shaped=False)
            try:
                data["value"] = field.clean(data["value"])
            except ValidationError as error:
                self.add_error("value", error)
            else:
                # It becomes a part of the address, where a passport number must not be.
                if not UUID_SHAPED.fullmatch(with_dashes(data["value"])) and not subjects.is_known(
                    kind, data["value"]
                ):
                    self.add_error("value", _NOT_KNOWN)
        return data

    @property
    def record_kind(self) -> RecordKind | None:
        """The kind of record whose reference was entered; None for a personal value."""
        return next((one for one in _REFERENCES if one == self.cleaned_data["kind"]), None)


class ReportForm(PeriodForm):
    """The address of a report: a reference, or the token of a search, and days.

    Raises :class:`UnreadableAddress` when it is validated with more than one of them, or a value that no
    page of the portal has written.
    """

    consumer = ReferenceField(
        RecordKind.CONSUMER, label=_REFERENCES[RecordKind.CONSUMER],
        what_to_enter=_WHAT_TO_ENTER[RecordKind.CONSUMER], uuid_shaped=False,
    )  # fmt: skip
    guest = ReferenceField(
        RecordKind.GUEST, label=_REFERENCES[RecordKind.GUEST],
        what_to_enter=_WHAT_TO_ENTER[RecordKind.GUEST], uuid_shaped=False,
    )  # fmt: skip
    search = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    since = DayField(label=_("From"))
    until = DayField(label=_("To"))

    def __init__(self, values: QueryDict, *, person_id: str) -> None:
        super().__init__(values)
        self._person_id = person_id

    def clean_search(self) -> searches.Search | None:
        """The search that the token names. One that cannot be used is an error of the whole form."""
        if not self.cleaned_data["search"]:
            return None
        try:
            return searches.unseal(self.cleaned_data["search"], self._person_id)
        except searches.SearchGone:
            self.add_error(None, _("This search is not yours or no longer exists. Ask again."))
        except searches.SearchUnreadable:
            self.add_error(None, _("This search cannot be read. Ask again."))
        return None

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        # As it was sent: a value that cannot be used is not among the cleaned ones.
        if sum(bool(self.data.get(name)) for name in _NAMING) > 1:
            raise UnreadableAddress
        return data

    @property
    def is_asked(self) -> bool:
        """Whether the address names somebody: blanks do not. Call it on a valid form."""
        return any(self.cleaned_data[name] for name in _NAMING)

    def subject(self) -> subjects.Subject:
        """Whom the report is about. Raises ``TooManySubmissions``. Call it if :attr:`is_asked`."""
        data = self.cleaned_data
        if data["consumer"]:
            return subjects.of_consumer(data["consumer"])
        if data["guest"]:
            return subjects.of_guest(data["guest"])
        return subjects.of_search(data["search"])

    def span(self) -> Span | None:
        """The events of the days, in the reader's time zone; None if there is none."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return report.span_of(
            midnight(since) if since else None,
            midnight(until + dt.timedelta(days=1)) if until else None,
        )

    def question(self) -> Question:
        """What is asked, for the event."""
        data = self.cleaned_data
        return Question(
            consumer_ref=data["consumer"],
            guest_ref=data["guest"],
            search=str(data["search"].public_id) if data["search"] else "",
            since=data["since"].isoformat() if data["since"] else "",
            until=data["until"].isoformat() if data["until"] else "",
        )

    def kinds(self) -> list[str]:
        """What the report was asked by, as labels."""
        data = self.cleaned_data
        if data["search"]:
            return [str(kind.label) for kind in data["search"].kinds]
        return [str(_REFERENCES[RecordKind.CONSUMER if data["consumer"] else RecordKind.GUEST])]
