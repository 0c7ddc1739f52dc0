"""The forms by which a supervisor resolves an unknown submission, or corrects a resolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.consumers.models import UNCERTAIN_MATCHES, Outcome, ResolutionReason, Submission
from apps.consumers.selectors import is_late_answer_doubtful
from apps.core.forms.input import LinesField, PortalForm
from apps.core.forms.reference_field import ReferenceField
from apps.core.references import RecordKind, same_reference

_IN_FULL = _("Enter the consumer reference in full")


class ResolutionForm(PortalForm):
    """The reason of a resolution, from a short list, and the supervisor's note."""

    outcome: Outcome
    reasons: tuple[ResolutionReason, ...]
    owners: Sequence[str] = ()
    """Receipts of the submissions that already have the entered reference, if it is refused for that."""

    reason = forms.ChoiceField(label=_("Reason"), error_messages={"required": _("Choose the reason")})
    note = LinesField(
        label=_("Note (optional)"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": _("The note has at most 2,000 characters")},
    )

    def __init__(
        self,
        submission: Submission,
        data: QueryDict | None = None,
        *,
        initial: Mapping[str, str] | None = None,
    ) -> None:
        """``initial`` holds posted names and values, such as those of a sealed entry."""
        prefix = self.outcome.value
        values = {name.removeprefix(f"{prefix}-"): value for name, value in (initial or {}).items()}
        super().__init__(data, prefix=prefix, initial=values)
        self._is_returned = data is not None or any(name.startswith(f"{prefix}-") for name in initial or {})
        self.submission = submission
        self.use_required_attribute = False
        self.fields["reason"].choices = [  # type: ignore[attr-defined]  # a ChoiceField, as declared
            ("", _("Choose a reason")),
            *((reason.value, reason.label) for reason in self.reasons),
        ]

    @property
    def announcement(self) -> str:
        """What the next page shows; empty if the resolution is stored at once."""
        return ""

    @property
    def is_unsaved(self) -> bool:
        """Whether it shows again what the supervisor entered, which is stored nowhere."""
        return self._is_returned and bool(self.typed())

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.cleaned_data.get("reason") == ResolutionReason.OTHER and self.cleaned_data.get("note") == "":
            self.add_error("note", _("Enter the reason in the note"))
        return self.cleaned_data

    def typed(self) -> list[tuple[str, str]]:
        """Label and posted text of each field with content. The reason is its label."""
        reasons = {str(value): str(label) for value, label in self.fields["reason"].choices if value}  # type: ignore[attr-defined]  # as above
        posted = {name: str(self[name].value() or "") for name in self.fields}
        posted["reason"] = reasons.get(posted["reason"], posted["reason"])
        labels = {name: str(field.label) for name, field in self.fields.items()} | {"note": gettext("Note")}
        return [(labels[name], text) for name, text in posted.items() if text]


class MarkAsCreatedForm(ResolutionForm):
    """The consumer exists. Its reference is required for the link on the receipt."""

    outcome = Outcome.CREATED
    reasons = (ResolutionReason.SEEN_IN_CDP, ResolutionReason.VENDOR_CONFIRMED, ResolutionReason.OTHER)

    consumer_ref = ReferenceField(
        RecordKind.CONSUMER,
        label=_("Consumer reference"),
        what_to_enter=_IN_FULL,
        help_text=_("A link from Sitecore CDP also works."),
    )
    field_order = ("consumer_ref", "reason", "note")

    @property
    def announcement(self) -> str:
        if settings.CDP_RECONCILIATION:
            return gettext("The next page shows what was sent beside this consumer in Sitecore CDP.")
        return gettext("The next page shows what was sent. Compare it with this consumer in Sitecore CDP.")

    def clean_consumer_ref(self) -> str:
        reference = str(self.cleaned_data["consumer_ref"])
        if not reference:
            raise ValidationError(_IN_FULL, code="not_a_reference")
        if same_reference(reference, self.submission.order_ref):
            raise ValidationError(
                _("This is the reference of the order. Enter the reference of the consumer"),
                code="of_the_order",
            )
        if self._is_verified_already(reference):
            raise ValidationError(
                _("This submission is already marked as created with this reference. Enter another one"),
                code="no_change",
            )
        return reference

    def _is_verified_already(self, reference: str) -> bool:
        """Whether the reference is the verified one already. An unverified one may be entered again."""
        row = self.submission
        unchanged = row.is_resolved and same_reference(reference, row.consumer_ref)
        return unchanged and not row.contradicted and row.consumer_read_at is not None


class MarkAsNotCreatedForm(ResolutionForm):
    """The consumer does not exist: the entry may be corrected and sent again."""

    outcome = Outcome.NOT_CREATED
    reasons = (ResolutionReason.NOT_SEEN_IN_CDP, ResolutionReason.VENDOR_CONFIRMED, ResolutionReason.OTHER)


class ComparedForm(PortalForm):
    """Confirms a consumer that the portal could not read: the supervisor compared it in Sitecore CDP."""

    prefix = Outcome.CREATED.value  # as the fields of the form that it confirms
    use_required_attribute = False

    compared = forms.BooleanField(
        label=_("I compared it in Sitecore CDP myself"),
        error_messages={"required": _("Confirm that you compared it in Sitecore CDP")},
        widget=forms.CheckboxInput(attrs={"value": "yes"}),
    )


RESOLUTION_FORMS: dict[str, type[ResolutionForm]] = {
    form.outcome.value: form for form in (MarkAsCreatedForm, MarkAsNotCreatedForm)
}


def resolution_forms(
    submission: Submission, initial: Mapping[str, str] | None = None
) -> list[ResolutionForm]:
    """The forms for a supervisor, filled with ``initial`` or with the known consumer reference."""
    return [
        kind(submission, initial=initial or _known_reference(submission, kind))
        for kind in allowed_resolution_forms(submission)
    ]


def allowed_resolution_forms(submission: Submission) -> list[type[ResolutionForm]]:
    """The forms of the resolutions that are possible now.

    Only "created" is possible if a late answer without a doubt named the consumer, or if the outcome is "not
    created" and nothing contradicts it.
    """
    answered = bool(submission.late_consumer_ref) and not submission.is_found_late
    named = answered and not is_late_answer_doubtful(submission)
    not_created = submission.outcome == Outcome.NOT_CREATED and not submission.contradicted
    if named or not_created:
        return [MarkAsCreatedForm]
    return list(RESOLUTION_FORMS.values())


def _known_reference(submission: Submission, kind: type[ResolutionForm]) -> dict[str, str]:
    """The reference that a check, a late answer or a resolution without verification names, if only one.

    A doubtful reference is not filled in: the supervisor has to check it and enter it.
    """
    if kind is not MarkAsCreatedForm:
        return {}
    if submission.consumer_ref and not submission.contradicted:
        found = [] if submission.consumer_read_at else [submission.consumer_ref]
    elif submission.late_consumer_ref:
        found = [] if is_late_answer_doubtful(submission) else [submission.late_consumer_ref]
    else:
        found = [] if submission.check_result in UNCERTAIN_MATCHES else submission.matching_refs
    return {"consumer_ref": found[0]} if len(found) == 1 else {}
