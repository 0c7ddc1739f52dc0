"""The form field for references of orders, guests, order consumers and submissions."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.forms.input import LineField
from apps.core.references import (
    ANY_SHAPE,
    SURROUNDING,
    UUID_SHAPED,
    NoReference,
    RecordKind,
    is_link,
    reference_in_link,
    with_dashes,
)

MAX_LINK = 2_000  # characters; mail filters make links long
_LEADS_TO = {
    RecordKind.ORDER: _("This link leads to an order."),
    RecordKind.GUEST: _("This link leads to a guest."),
    RecordKind.CONSUMER: _("This link leads to an order consumer."),
    RecordKind.SUBMISSION: _("This link leads to a submission of the portal."),
}
_NO_REFERENCE = _("This link contains no such reference.")
_EMAIL = _("This is an email address.")


class ReferenceField(LineField):
    """A reference, in either case and with or without dashes, or a link that contains it.

    ``kinds``: the kinds of record that it may refer to; none means any. ``what_to_enter``: the error message
    for other input. ``uuid_shaped``: see :func:`apps.core.references.reference_in_link`.
    """

    def __init__(
        self, *kinds: RecordKind, what_to_enter: Any, uuid_shaped: bool = True, **kwargs: Any
    ) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"class": "mono"}))
        kwargs.setdefault("error_messages", {"max_length": _("This is too long: copy it again")})
        super().__init__(required=False, max_length=MAX_LINK, **kwargs)
        self._kinds = kinds
        self._what_to_enter = what_to_enter
        self._uuid_shaped = uuid_shaped

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        if is_link(text):
            try:
                return reference_in_link(text, *self._kinds, uuid_shaped=self._uuid_shaped)
            except NoReference as error:
                raise self._refused(_LEADS_TO.get(error.other, _NO_REFERENCE)) from None  # type: ignore[arg-type]  # None is not a key
        if self._uuid_shaped:
            text = with_dashes(text.strip(SURROUNDING))
        shape: re.Pattern[str] = UUID_SHAPED if self._uuid_shaped else ANY_SHAPE
        if text and not shape.fullmatch(text):
            raise self._refused(_EMAIL if "@" in text else "")
        return text

    def _refused(self, why: Any) -> ValidationError:
        return ValidationError(f"{why} {self._what_to_enter}".strip(), code="not_a_reference")
