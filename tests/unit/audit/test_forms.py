"""The controls of the audit log's filters."""

from __future__ import annotations

import pytest
from django import forms
from django.test.html import parse_html
from django.utils.translation import gettext_lazy as _

from apps.audit.forms.log import LongSelect


@pytest.mark.parametrize("value", [None, "", "a&b", "gone", ["7"], 7])
def test_long_select_is_rendered_like_djangos(value: object) -> None:
    choices = [("", _("Anybody")), ("a&b", '<Anna> & "co"'), (7, "Seven")]
    attrs = {"id": "id_person", "class": "form-select", "aria-invalid": "true", "required": False}
    ours = LongSelect(attrs={"class": "wide"}, choices=choices).render("person", value, attrs)
    django = forms.Select(attrs={"class": "wide"}, choices=choices).render("person", value, attrs)
    assert parse_html(ours) == parse_html(django)
