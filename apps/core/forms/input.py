"""Form fields and query parameters: accepted as sent, or refused with a message.

A name with two different values, and control characters, are errors. Invisible characters are removed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import BadRequest, ValidationError
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from apps.core.forms.bound_field import PortalBoundField
from apps.core.text import with_plain_blanks, without_invisible

# Blanks that are stripped from the ends of a text. The last separator in Unicode is U+3000.
BLANKS = "\t\r\n" + "".join(
    character
    for character in map(chr, range(0x3001))
    if unicodedata.category(character) in ("Zs", "Zl", "Zp")
)
ARRIVED_TWICE = _("This was sent twice with different values. Check it and send the form again")


class ConflictingValues(BadRequest):
    """A name was sent twice with different values: a 400 page. Has no text, because names are input too."""


def conflicting_names(values: QueryDict) -> frozenset[str]:
    """The names that arrived more than once with different values. The portal does not choose one."""
    return frozenset(name for name, texts in values.lists() if len(set(texts)) > 1)


def single_value(values: QueryDict, name: str) -> str:
    """The value of that name, or an empty text. Raises :class:`ConflictingValues`, which is a 400 page."""
    texts = set(values.getlist(name))
    if len(texts) > 1:
        raise ConflictingValues
    return texts.pop() if texts else ""


class PortalForm(forms.Form):
    """Base class of the portal's forms. A field for one value that was sent with two has an error.

    A subclass with its own ``clean`` calls ``super().clean()`` first.
    """

    bound_field_class = PortalBoundField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The portal's labels have no suffix. Django would translate its own for each form and row.
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def has_changed(self) -> bool:
        # Otherwise a formset row whose last value is empty would count as an empty row.
        return super().has_changed() or any(self._arrived_twice(name) for name in self.fields)

    def clean(self) -> dict[str, Any]:
        for name in self.fields:
            if self._arrived_twice(name):
                self.errors.pop(name, None)  # errors of the last value alone
                self.add_error(name, ValidationError(ARRIVED_TWICE, code="arrived_twice"))
        super().clean()
        return self.cleaned_data

    def _arrived_twice(self, name: str) -> bool:
        allows_several = getattr(self.fields[name].widget, "allow_multiple_selected", False)
        if allows_several or not isinstance(self.data, MultiValueDict):
            return False
        return len(set(self.data.getlist(self.add_prefix(name)))) > 1


# Attributes that stop the browser from changing or restoring a value, or sending it to a spelling service.
VERBATIM = {
    "autocomplete": "off",
    "autocapitalize": "off",
    "autocorrect": "off",
    "spellcheck": "false",
    "translate": "no",
}


_REFUSED = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of surrogates, line and paragraph separators


class UncutField(forms.CharField):
    """A text field without ``maxlength`` in HTML: a text that is too long is an error and is shown again.

    With ``maxlength``, browsers count UTF-16 units and silently cut pasted text.
    """

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        attrs.pop("minlength", None)
        return attrs


class LineField(UncutField):
    """One line of text. Blanks around it and invisible characters are removed.

    Control characters are errors everywhere; Django's field silently strips them from the ends.
    """

    permitted_controls = ""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        attrs = {name: value for name, value in VERBATIM.items() if name not in widget.attrs}
        if self.max_length is not None and not widget.is_hidden:
            attrs["data-limit"] = str(self.max_length)  # for the counter of static/js/counter.js
        return {**super().widget_attrs(widget), **attrs}

    def to_python(self, value: Any) -> str:
        text = self.visible(str(super().to_python(value)))
        for character in text:
            if unicodedata.category(character) in _REFUSED and character not in self.permitted_controls:
                raise ValidationError(self._remove(), code="control_characters")
        # Django decodes bytes that are not UTF-8 to this character; the original text is lost.
        if "\N{REPLACEMENT CHARACTER}" in text:
            raise ValidationError(
                _("Type the characters shown as \N{REPLACEMENT CHARACTER} again"),
                code="unreadable_characters",
            )
        return text

    @staticmethod
    def visible(text: str) -> str:
        """The text without invisible characters and without blanks around it."""
        return with_plain_blanks(without_invisible(text)).strip(BLANKS)

    def _remove(self) -> Any:
        return _("Remove the line breaks and control characters")


class NameField(LineField):
    """The name of a person, in any script and writing direction."""

    @staticmethod
    def visible(text: str) -> str:
        return without_invisible(text, keep_joiners=True).strip(BLANKS)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "dir": "auto"}


class LinesField(LineField):
    """Text of several lines. Blanks around it and invisible characters are removed.

    A line break counts as one character. Browsers send two (RFC 7578) but show and count one.
    """

    widget = forms.Textarea
    permitted_controls = "\t\n"

    def to_python(self, value: Any) -> str:
        return super().to_python(
            re.sub("\r\n?|[\u2028\u2029]", "\n", value) if isinstance(value, str) else value
        )

    @staticmethod
    def visible(text: str) -> str:
        return without_invisible(text, keep_joiners=True).strip(BLANKS)

    def _remove(self) -> Any:
        return _("Remove the control characters")
