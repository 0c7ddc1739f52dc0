"""The form of a note on a submission that is to be resolved."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.forms.input import LinesField, PortalForm


class NoteForm(PortalForm):
    """A note for other supervisors."""

    use_required_attribute = False

    note_text = LinesField(
        label=_("Note"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": _("Enter the note"),
            "max_length": _("The note has at most 2,000 characters"),
        },
    )
