"""The forms by which a supervisor settles an unknown outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.consumers.forms.fields import PlainTextField
from apps.consumers.models import Outcome, SettleReason
from apps.core.form_input import LinesField, PortalForm
from apps.core.references import UUID_SHAPED


class SettleForm(PortalForm):
    """Why, from a short list, and in the supervisor's own words."""

    outcome: Outcome
    reasons: tuple[SettleReason, ...]

    reason = forms.ChoiceField(label=_("Reason"), error_messages={"required": _("Choose the reason")})
    note = LinesField(
        label=_("Note (optional)"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": _("The note has at most 2,000 characters")},
    )

    def __init__(self, data: QueryDict | None = None, *, initial: Mapping[str, str] | None = None) -> None:
        """``initial`` holds posted names and values, as an entry that was kept has them."""
        prefix = self.outcome.value
        values = {name.removeprefix(f"{prefix}-"): value for name, value in (initial or {}).items()}
        super().__init__(data, prefix=prefix, initial=values)
        self.use_required_attribute = False
        self.fields["reason"].choices = [  # type: ignore[attr-defined]  # a ChoiceField, as declared
            ("", _("Choose a reason")),
            *((reason.value, reason.label) for reason in self.reasons),
        ]
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.cleaned_data.get("reason") == SettleReason.OTHER and self.cleaned_data.get("note") == "":
            self.add_error("note", _("Enter the reason in the note"))
        return self.cleaned_data


class MarkAsCreatedForm(SettleForm):
    """The consumer exists: with its reference, so that the receipt leads to it."""

    outcome = Outcome.CREATED
    reasons = (SettleReason.SEEN_IN_CDP, SettleReason.VENDOR_CONFIRMED, SettleReason.OTHER)

    consumer_ref = PlainTextField(
        label=_("Consumer reference"),
        max_length=200,
        too_long=_("Enter the consumer reference in full"),
    )
    field_order = ("consumer_ref", "reason", "note")

    def clean_consumer_ref(self) -> str:
        reference = str(self.cleaned_data["consumer_ref"])
        if not UUID_SHAPED.fullmatch(reference):
            raise forms.ValidationError(_("Enter the consumer reference in full"), code="not_a_reference")
        return reference


class MarkAsNotCreatedForm(SettleForm):
    """The consumer does not exist: the entry may be corrected and sent again."""

    outcome = Outcome.NOT_CREATED
    reasons = (SettleReason.NOT_SEEN_IN_CDP, SettleReason.VENDOR_CONFIRMED, SettleReason.OTHER)


SETTLE_FORMS = {form.outcome.value: form for form in (MarkAsCreatedForm, MarkAsNotCreatedForm)}
