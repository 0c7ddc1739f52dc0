"""The reason for sending a row whose content was already created."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.batches.models import ReleaseReason
from apps.core.forms.input import PortalForm


class ReleaseForm(PortalForm):
    """A reason from a short list."""

    reason = forms.ChoiceField(
        label=_("Why send it again?"),
        choices=[("", _("Choose a reason")), *ReleaseReason.choices],
        error_messages={
            "required": _("Choose why the row is sent again"),
            "invalid_choice": _("Choose a reason from the list"),
        },
    )

    use_required_attribute = False
