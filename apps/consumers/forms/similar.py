"""The decision to create a consumer although a similar one is on the order."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.consumers.duplicates.reasons import SimilarReason
from apps.core.forms.input import PortalForm


class SimilarReasonForm(PortalForm):
    """The reason, from a short list. It is required with Create anyway only."""

    similar_reason = forms.ChoiceField(
        label=_("Why create it anyway?"),
        choices=[("", _("Choose a reason")), *SimilarReason.choices],
        error_messages={"required": _("Choose why the consumer should be created anyway")},
    )

    use_required_attribute = False

    @classmethod
    def for_warnings(cls, values: Mapping[str, str], *, is_missing: bool) -> SimilarReasonForm:
        """The form with the posted reason; with an error if it is missing."""
        posted = {"similar_reason": values.get("similar_reason", "")}
        return cls(data=posted) if is_missing else cls(initial=posted)
