"""Selects with many options, and suggestions."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms

from apps.core.forms.long_select import FlatChoices, LongSelect, suggestions

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


@pytest.mark.parametrize("value", ["", None, "b", HOSTILE])
def test_select_renders_like_djangos(value: str | None) -> None:
    choices = [("", "None"), ("a", "A"), ("b", HOSTILE), (HOSTILE, "C")]
    attrs = {"id": "id_x", "title": HOSTILE}
    django_s = forms.Select(choices=choices).render("x", value, attrs)
    assert Tags(LongSelect(choices=choices).render("x", value, attrs)).read == Tags(django_s).read


def test_invalid_choice_stays_on_its_own_page_only() -> None:
    select = LongSelect(choices=[("", "None"), ("a", "A")])
    shown = Tags(select.render("x", HOSTILE)).read
    assert shown[-2:] == [("option", {"value": HOSTILE, "selected": None}), HOSTILE]
    assert HOSTILE not in Tags(select.render("x", "a")).read


def test_of_several_labels_of_one_value_the_shortest_is_selected() -> None:
    select = LongSelect(choices=[("GB", "UK (United Kingdom)"), ("GB", "United Kingdom")])
    assert Tags(select.render("x", "GB")).read == [
        ("select", {"name": "x"}),
        ("option", {"value": "GB"}),
        "UK (United Kingdom)",
        ("option", {"value": "GB", "selected": None}),
        "United Kingdom",
    ]


def test_suggestions_are_escaped() -> None:
    assert Tags(suggestions(("Irish", HOSTILE))).read == [
        ("option", {"value": "Irish"}),
        ("option", {"value": HOSTILE}),
    ]


def test_choices_are_computed_for_each_form() -> None:
    offered = [("a", "A")]
    field = forms.ChoiceField(choices=FlatChoices(lambda: offered))
    offered = [("b", "B")]
    assert field.clean("b") == "b"
    with pytest.raises(forms.ValidationError):
        field.clean("a")
