"""The renderer of inputs and selects gives what Django's templates give."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.test.html import parse_html

from apps.core.forms.renderer import ControlRenderer

HOSTILE = """"><script>alert('1')</script>&amp;"""
CHOICES = [("", "All"), ("a", "A"), ("More", [(HOSTILE, HOSTILE), (7, "Seven")])]
ATTRIBUTES: list[dict[str, Any]] = [
    {},
    {"id": "id_x", "aria-invalid": "true", "required": True, "disabled": False, "title": HOSTILE},
]


@pytest.mark.parametrize("widget", [forms.TextInput, forms.HiddenInput, forms.CheckboxInput])
@pytest.mark.parametrize("value", ["Aoife", "", None, HOSTILE, 7, True, False])
@pytest.mark.parametrize("attrs", ATTRIBUTES)
def test_an_input_is_what_django_renders(
    widget: type[forms.Widget], value: Any, attrs: dict[str, Any]
) -> None:
    control = widget(attrs={"maxlength": 9})
    ours = control.render("x", value, attrs, renderer=ControlRenderer())
    assert parse_html(ours) == parse_html(control.render("x", value, attrs, renderer=DjangoTemplates()))


@pytest.mark.parametrize("value", ["", "a", HOSTILE, 7, None, "other"])
@pytest.mark.parametrize("attrs", ATTRIBUTES)
def test_a_select_is_what_django_renders(value: Any, attrs: dict[str, Any]) -> None:
    control = forms.Select(attrs={"class": "form-select"}, choices=CHOICES)
    ours = control.render("x", value, attrs, renderer=ControlRenderer())
    assert parse_html(ours) == parse_html(control.render("x", value, attrs, renderer=DjangoTemplates()))


@pytest.mark.parametrize("field", [forms.ChoiceField, forms.MultipleChoiceField])
@pytest.mark.parametrize("value", ["a", ["a", "b"], HOSTILE, None])
def test_the_options_of_a_group_are_what_django_renders(field: type[forms.ChoiceField], value: Any) -> None:
    widget = forms.RadioSelect if field is forms.ChoiceField else forms.CheckboxSelectMultiple

    def options(renderer: DjangoTemplates) -> list[tuple[Any, str]]:
        class Options(forms.Form):
            x = field(choices=[("a", "A"), ("b", "B"), (HOSTILE, HOSTILE), (False, "No")], widget=widget)

        rendered = Options(initial={"x": value}, renderer=renderer)["x"]
        return [(parse_html(option.tag()), option.choice_label) for option in rendered.subwidgets]

    assert options(ControlRenderer()) == options(DjangoTemplates())
