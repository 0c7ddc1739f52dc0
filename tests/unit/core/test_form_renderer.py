"""The renderer of one-line inputs gives what Django's templates give."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.test.html import parse_html

from apps.core.forms.renderer import InputRenderer

HOSTILE = """"><script>alert('1')</script>&amp;"""


@pytest.mark.parametrize("widget", [forms.TextInput, forms.HiddenInput])
@pytest.mark.parametrize("value", ["Aoife", "", None, HOSTILE, 7])
@pytest.mark.parametrize(
    "attrs",
    [{}, {"id": "id_x", "aria-invalid": "true", "required": True, "disabled": False, "title": HOSTILE}],
)
def test_an_input_is_what_django_renders(
    widget: type[forms.TextInput], value: Any, attrs: dict[str, Any]
) -> None:
    control = widget(attrs={"maxlength": 9})
    ours = control.render("x", value, attrs, renderer=InputRenderer())
    assert parse_html(ours) == parse_html(control.render("x", value, attrs, renderer=DjangoTemplates()))
