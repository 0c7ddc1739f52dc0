"""The error summary above a form: every error once, with a link to its field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.forms import BaseForm
from django.forms.boundfield import BoundField


@dataclass(frozen=True, slots=True)
class FieldError:
    """One line of the summary. ``href`` is the link to the field; empty if the error has no field."""

    href: str
    message: str


def field_errors(field: BoundField) -> Iterator[FieldError]:
    """The errors of one field, each with a link to its control."""
    # A group of boxes has no id of its own, so the link goes to its first box.
    href = f"#{field.id_for_label or f'{field.auto_id}_0'}"
    for message in field.errors:
        yield FieldError(href, str(message))


def form_errors(form: BaseForm) -> list[FieldError]:
    """All errors of a form: those without a field first, then in the order of the fields."""
    lines = [FieldError("", str(message)) for message in form.non_field_errors()]
    return [*lines, *(line for field in form for line in field_errors(field))]
