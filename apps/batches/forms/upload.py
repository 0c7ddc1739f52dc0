"""The form for a new batch: the order, and a pasted table or a file."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from apps.consumers.forms.consumer import MISSING, ConsumerForm
from apps.core.forms.input import PortalForm, UncutField

NOTHING_GIVEN: Final = _("Paste a table or choose a file")
CHOOSE_AGAIN: Final = _("Choose the file again: browsers do not keep a chosen file")


class UploadForm(PortalForm):
    """The order field is that of the form for one consumer. The table is read as it was pasted."""

    order_ref = ConsumerForm.base_fields["order_ref"]
    table = UncutField(
        label=_("Paste a table"),
        required=False,
        strip=False,
        help_text=_(
            "Copy the rows in your spreadsheet, with their headers if it has any, and paste them here."
        ),
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "mono", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    file = forms.FileField(
        label=_("Upload a file"),
        required=False,
        allow_empty_file=True,  # the reader says that it is empty
        help_text=_("Excel (.xlsx), OpenDocument (.ods) or CSV. The file itself is not kept."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xlsm,.ods"}),
        error_messages={"invalid": NOTHING_GIVEN, "missing": NOTHING_GIVEN},
    )

    use_required_attribute = False

    def clean(self) -> dict[str, Any]:
        super().clean()
        table, file = self.cleaned_data.get("table", ""), self.cleaned_data.get("file")
        if "order_ref" not in self.errors and not self.cleaned_data.get("order_ref"):
            self.add_error("order_ref", MISSING["order_ref"])
        if table.strip() and file is not None:
            self.add_error("table", _("Paste a table or choose a file, not both"))
        elif not table.strip() and file is None and not self.errors.keys() & {"table", "file"}:
            self.add_error("table", NOTHING_GIVEN)
        return self.cleaned_data

    @property
    def uploaded(self) -> UploadedFile[bytes] | None:
        """The file that was chosen, also if the form has errors."""
        return self.files.get("file") if self.files else None

    def ask_for_the_file_again(self) -> None:
        """Say at the field that a chosen file has to be chosen again, if the form is shown with errors."""
        if self.uploaded is not None and "file" not in self.errors:
            self.add_error("file", CHOOSE_AGAIN)

    def may_be_order_number(self) -> bool:
        """Whether the field Order has no reference and no other error, so that it is looked up."""
        found = self.errors.as_data().get("order_ref", [])
        return [error.code for error in found] == ["not_a_reference"]

    def replace_order_error(self, message: Any) -> None:
        """Show this error at the field Order in place of the present one."""
        self.errors.pop("order_ref", None)
        self.add_error("order_ref", message)
