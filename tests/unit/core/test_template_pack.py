"""The crispy template pack: every kind of field has its label, hint, errors, warnings and control."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import cast

import pytest
from crispy_forms.templatetags.crispy_forms_filters import as_crispy_field
from django import forms

from apps.core.forms.bound_field import PortalBoundField
from apps.core.forms.input import PortalForm
from apps.core.forms.long_select import LongSelect

CHOICES = [("a", "A"), ("b", "B")]


class EveryKind(PortalForm):
    """A field of each kind that the portal has."""

    text = forms.CharField(help_text="<hint>", widget=forms.TextInput(attrs={"class": "mono"}))
    password = forms.CharField(help_text="<hint>", widget=forms.PasswordInput)
    prose = forms.CharField(help_text="<hint>", widget=forms.Textarea)
    select = forms.ChoiceField(help_text="<hint>", choices=CHOICES)
    long_select = forms.ChoiceField(help_text="<hint>", choices=CHOICES, widget=LongSelect)
    radios = forms.ChoiceField(help_text="<hint>", choices=CHOICES, widget=forms.RadioSelect)
    boxes = forms.MultipleChoiceField(
        help_text="<hint>", choices=CHOICES, widget=forms.CheckboxSelectMultiple
    )
    box = forms.BooleanField(help_text="<hint>")


NAMES = list(EveryKind.base_fields)
CONTROLS = ("input", "select", "textarea")


class Tags(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, *names: str) -> list[dict[str, str | None]]:
        """The attributes of the tags of these names."""
        return [attrs for tag, attrs in self.tags if tag in names]


def shown(name: str, *, data: dict[str, str] | None, warning: str = "") -> Tags:
    """The field as a page shows it."""
    field = cast("PortalBoundField", EveryKind(data)[name])
    if warning:
        field.warnings.append(warning)
    return Tags(as_crispy_field(field))


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_described_by_its_hint_errors_and_warnings(name: str) -> None:
    page = shown(name, data={}, warning="<warning>")
    described = [str(attrs["aria-describedby"]) for _tag, attrs in page.tags if "aria-describedby" in attrs]
    assert described == [f"id_{name}_helptext id_{name}_error id_{name}_warning"]
    ids = [attrs["id"] for _tag, attrs in page.tags if "id" in attrs]
    assert set(described[0].split()) <= set(ids)
    assert len(ids) == len(set(ids))
    for text in ("<hint>", "This field is required.", "<warning>"):
        assert page.text.count(text) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_control_has_a_label_and_says_that_it_is_invalid(name: str) -> None:
    invalid, untouched = shown(name, data={}), shown(name, data=None)
    controls = invalid.of(*CONTROLS)
    assert {attrs["id"] for attrs in controls} == {attrs["for"] for attrs in invalid.of("label")}
    assert {attrs.get("aria-invalid") for attrs in controls} == {"true"}
    assert all("is-invalid" in str(attrs["class"]).split() for attrs in controls)
    assert {attrs.get("aria-invalid") for attrs in untouched.of(*CONTROLS)} == {None}
    assert "is-invalid" not in str(untouched.tags)


def test_a_control_has_the_class_of_its_kind_and_its_own() -> None:
    classes = {name: shown(name, data=None).of(*CONTROLS)[0]["class"] for name in NAMES}
    assert classes == {
        "text": "form-control mono",
        "password": "form-control",
        "prose": "form-control",
        "select": "form-select",
        "long_select": "form-select",
        "radios": "form-check-input",
        "boxes": "form-check-input",
        "box": "form-check-input",
    }


@pytest.mark.parametrize("name", ["radios", "boxes"])
def test_a_group_of_choices_has_a_legend(name: str) -> None:
    assert [tag for tag, _attrs in shown(name, data=None).tags].count("legend") == 1


def test_a_posted_value_stays_in_its_control_escaped() -> None:
    hostile = """"><script>'&amp;"""
    page = shown("text", data={"text": hostile})
    assert page.of("input")[0]["value"] == hostile
    assert page.of("script") == []
