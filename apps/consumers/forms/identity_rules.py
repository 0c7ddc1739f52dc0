"""The form by which an administrator adds an identity rule."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.consumers.forms.fields import PlainTextField
from apps.core.forms.input import PortalForm

REFUSALS = {
    "too_many": _("There are already five rules. Sitecore CDP has at most five."),
    "provider_taken": _("Another rule has this provider"),
    "changed_meanwhile": _(
        "The rules have changed since you opened the page. Nothing was done. Check the list."
    ),
}


class RuleForm(PortalForm):
    """Name and provider, exactly as they are in Sitecore CDP."""

    name = PlainTextField(
        label=_("Rule name"), max_length=100, too_long=_("The name has at most 100 characters")
    )
    provider = PlainTextField(
        label=_("Identifier provider"),
        max_length=100,
        too_long=_("The provider has at most 100 characters"),
        help_text=_("Exactly as in Sitecore CDP"),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        for name, message in (("name", _("Enter the rule name")), ("provider", _("Enter the provider"))):
            if self.cleaned_data.get(name) == "":
                self.add_error(name, message)
        return self.cleaned_data
