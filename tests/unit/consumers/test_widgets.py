from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from apps.consumers.forms.widgets import PlainChoices, PlainSelect, QuickInputs

HOSTILE = """"><script>alert('1')</script>&amp;"""


class Tags(HTMLParser):
    """Collects every tag with its attributes, and the texts between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.read: list[Any] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.read.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.read.append(data.strip())


@pytest.mark.parametrize("widget", [forms.TextInput, forms.HiddenInput])
@pytest.mark.parametrize("value", ["Aoife", "", None, HOSTILE, 7])
@pytest.mark.parametrize(
    "attrs",
    [{}, {"id": "id_x", "aria-invalid": "true", "required": True, "disabled": False, "title": HOSTILE}],
)
def test_input_renders_like_djangos(widget: type[forms.TextInput], value: Any, attrs: dict[str, Any]) -> None:
    quick = widget(attrs={"maxlength": 9}).render("x", value, attrs, renderer=QuickInputs())
    assert (
        Tags(quick).read
        == Tags(widget(attrs={"maxlength": 9}).render("x", value, attrs, DjangoTemplates())).read
    )


@pytest.mark.parametrize("value", ["", None, "b", HOSTILE])
def test_select_renders_like_djangos(value: str | None) -> None:
    choices = [("", "None"), ("a", "A"), ("b", HOSTILE), (HOSTILE, "C")]
    attrs = {"id": "id_x", "title": HOSTILE}
    django_s = forms.Select(choices=choices).render("x", value, attrs)
    assert Tags(PlainSelect(choices=choices).render("x", value, attrs)).read == Tags(django_s).read


def test_invalid_choice_stays_on_its_own_page_only() -> None:
    select = PlainSelect(choices=[("", "None"), ("a", "A")])
    shown = Tags(select.render("x", HOSTILE)).read
    assert shown[-2:] == [("option", {"value": HOSTILE, "selected": None}), HOSTILE]
    assert HOSTILE not in Tags(select.render("x", "a")).read


def test_choices_are_computed_for_each_form() -> None:
    offered = [("a", "A")]
    field = forms.ChoiceField(choices=PlainChoices(lambda: offered))
    offered = [("b", "B")]
    assert field.clean("b") == "b"
    with pytest.raises(forms.ValidationError):
        field.clean("a")
