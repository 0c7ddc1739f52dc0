"""The error summary above a form: every error once, with the field that it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.forms import BaseForm
from django.forms.boundfield import BoundField


@dataclass(frozen=True, slots=True)
class FieldError:
    """One line of the summary: the words, and the field to go to (empty: none)."""

    href: str
    message: str


def field_errors(field: BoundField) -> Iterator[FieldError]:
    """The errors of one field."""
    # Of a group of boxes there is no one id to go to; the first box is.
    href = f"#{field.id_for_label or f'{field.auto_id}_0'}"
    for message in field.errors:
        yield FieldError(href, str(message))


def form_errors(form: BaseForm) -> list[FieldError]:
    """All errors of a form in the order of its fields, those of no field first."""
    lines = [FieldError("", str(message)) for message in form.non_field_errors()]
    return [*lines, *(line for field in form for line in field_errors(field))]
