"""A field of a form as the portal's crispy template pack (``templates/portal/``) shows it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField


class PortalBoundField(BoundField):
    """Adds Bootstrap's class to the control, and warnings beside the errors.

    A warning is shown at the field and described to screen readers as an error is, but the field is valid.
    """

    def __init__(self, form: forms.BaseForm, field: forms.Field, name: str) -> None:
        super().__init__(form, field, name)
        self.warnings: list[str] = []

    @property
    def has_notes(self) -> bool:
        """Whether there is a hint, an error or a warning."""
        return bool(self.help_text or self.warnings or self.errors)

    @property
    def is_date(self) -> bool:
        """Whether ``static/js/dates.js`` offers a calendar and shows how the text is read."""
        return "data-date-echo" in self.field.widget.attrs

    @property
    def aria_describedby(self) -> str | None:
        """The ids of hint, errors and warnings."""
        described_by = super().aria_describedby
        if not self.warnings:
            return described_by
        return f"{described_by or ''} {self.auto_id}_warning".strip()

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        """The attributes of the control, with its class."""
        attrs = super().build_widget_attrs(attrs, widget)
        widget = widget or self.field.widget
        if widget.is_hidden:
            return attrs
        classes = [_bootstrap_class(widget), widget.attrs.get("class", "")]
        if self.errors:
            classes.append("is-invalid")
        return {**attrs, "class": " ".join(filter(None, classes))}


def _bootstrap_class(widget: forms.Widget) -> str:
    if isinstance(widget, (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"
