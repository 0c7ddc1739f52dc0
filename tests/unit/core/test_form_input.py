"""Repeated values and invisible characters are reported by every form of the portal."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict

from apps.batches.forms.upload import UploadForm
from apps.core.forms.input import (
    ARRIVED_TWICE,
    ConflictingValues,
    LineField,
    LinesField,
    NameField,
    PortalForm,
    conflicting_names,
    single_value,
)

LINE_SEPARATORS = ["\u2028", "\u2029"]
CONTROLS_THAT_PYTHON_STRIPS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x85"]


class Choose(PortalForm):
    """A form with a field of every kind."""

    name = LineField()
    note = LinesField(required=False)
    colour = forms.ChoiceField(choices=[("red", "Red"), ("blue", "Blue")], required=False)
    roles = forms.MultipleChoiceField(
        choices=[("a", "A"), ("b", "B")], widget=forms.CheckboxSelectMultiple, required=False
    )

    def clean_name(self) -> str:
        raise ValidationError("error of the last value")


# --- Repeated values ------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["name", "note", "colour"])
def test_field_with_two_values_is_an_error_and_shows_the_later_one(field: str) -> None:
    form = Choose(QueryDict(f"{field}=blue&{field}=red"))
    assert form.errors[field] == [ARRIVED_TWICE]
    assert field not in form.cleaned_data
    assert form[field].value() == "red"


@pytest.mark.parametrize("query", ["note=x&note=x", "roles=a&roles=b", "note=x&other=1&other=2"])
def test_repeated_equal_value_list_and_unknown_field_are_no_contradiction(query: str) -> None:
    assert set(Choose(QueryDict(query)).errors) == {"name"}


def test_prefixed_name_of_another_form_is_ignored() -> None:
    assert "note" not in Choose(QueryDict("note=1&note=2&mine-note=x"), prefix="mine").errors
    assert "note" in Choose(QueryDict("mine-note=1&mine-note=2"), prefix="mine").errors


def test_row_whose_later_value_is_empty_is_not_an_empty_row() -> None:
    form = Choose(QueryDict("note=x&note="), empty_permitted=True, use_required_attribute=False)
    assert form.errors["note"] == [ARRIVED_TWICE]


def test_unbound_form_has_no_errors() -> None:
    assert Choose().errors == {}
    # read again from stored data: not a list of values
    assert Choose({"note": "x"}).errors.keys() == {"name"}


def _forms_of_the_portal() -> Iterator[type[forms.Form]]:
    """Every form that a module of ``apps`` defines."""
    for path in sorted(Path(settings.BASE_DIR, "apps").rglob("*.py")):
        name = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
        if "form" not in name:
            continue
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and issubclass(value, forms.Form) and value.__module__ == name:
                yield value


FORMS = [form for form in _forms_of_the_portal() if form is not PortalForm]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_form_refuses_two_values_before_validation(form: type[forms.Form]) -> None:
    assert issubclass(form, PortalForm)
    own = [kind for kind in form.__mro__ if "clean" in vars(kind) and kind is not PortalForm]
    calls_on = [kind for kind in own if "super" in kind.clean.__code__.co_names]  # type: ignore[attr-defined]
    assert [kind for kind in own if kind not in calls_on and kind.__module__.startswith("apps.")] == []


def test_forms_are_found() -> None:
    assert len(FORMS) >= 12


# --- A single value in an address -----------------------------------------------------------------
def test_single_value_is_returned_and_a_missing_one_is_empty() -> None:
    values = QueryDict("a=1&b=2&b=2&c=+x+")
    assert [single_value(values, name) for name in "abcd"] == ["1", "2", " x ", ""]
    assert conflicting_names(values) == frozenset()


def test_two_values_are_refused_without_quoting_them() -> None:
    values = QueryDict("secret=1&secret=2")
    assert conflicting_names(values) == {"secret"}
    with pytest.raises(ConflictingValues) as refused:
        single_value(values, "secret")
    assert str(refused.value) == ""


# --- Invisible characters -------------------------------------------------------------------------
@pytest.mark.parametrize("control", [*CONTROLS_THAT_PYTHON_STRIPS, "\x00", "\x07", "\x7f", "\x9f", "\ud800"])
@pytest.mark.parametrize("field", [LineField(), LinesField()], ids=["line", "lines"])
def test_control_character_is_refused_anywhere(field: forms.CharField, control: str) -> None:
    for text in (f"{control}Ida", f"Ida{control}", f"Ida{control}Clean", f" {control} Ida", control):
        with pytest.raises(ValidationError) as refused:
            field.clean(text)
        assert [error.code for error in refused.value.error_list] == ["control_characters"]


@pytest.mark.parametrize(
    "blank", [" ", "\t", "\r\n", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\u2028"]
)
def test_blanks_at_the_ends_are_trimmed(blank: str) -> None:
    assert LineField().clean(f"{blank}{blank}Ida Clean{blank}") == "Ida Clean"
    assert LineField(required=False).clean(blank) == ""
    with pytest.raises(ValidationError, match="required"):
        LineField().clean(blank)


@pytest.mark.parametrize("separator", LINE_SEPARATORS)
def test_line_separator_is_a_line_break(separator: str) -> None:
    assert LinesField().clean(f"one{separator}two") == "one\ntwo"
    with pytest.raises(ValidationError, match="line breaks"):
        LineField().clean(f"one{separator}two")


def test_only_multi_line_fields_accept_several_lines() -> None:
    assert LinesField().clean("one\r\ntwo\tthree\n") == "one\ntwo\tthree"
    with pytest.raises(ValidationError, match="line breaks"):
        LineField().clean("one\r\ntwo")


def test_line_break_counts_as_one_character_in_any_encoding() -> None:
    for text in ("a\r\nb", "a\rb", "a\nb"):
        assert LinesField(max_length=3).clean(text) == "a\nb"


def test_limit_is_in_the_html_without_truncation_by_the_browser() -> None:
    for field in (LineField(max_length=9, min_length=2), LinesField(max_length=9)):
        assert field.widget.attrs["data-limit"] == "9"
        assert not {"maxlength", "minlength"} & {*field.widget.attrs}
        with pytest.raises(ValidationError, match="9"):
            field.clean("0123456789")


@pytest.mark.parametrize("text", ["e\N{COMBINING ACUTE ACCENT}", "👩🏽🚀", "مرحبا", "a\u0600b"])
def test_other_text_is_accepted_as_typed(text: str) -> None:
    assert LineField().clean(text) == text


INVISIBLE = "\u200b\ufeff\u202e\u2060\u3164\u2800"


@pytest.mark.parametrize("field", [LineField, NameField, LinesField])
def test_invisible_characters_are_removed_and_no_visible_text_becomes_empty(
    field: type[forms.CharField],
) -> None:
    for character in INVISIBLE:
        assert field().clean(f"{character}Id{character}a {character}") == "Ida"
    assert field(required=False).clean(INVISIBLE) == ""
    with pytest.raises(ValidationError, match="required"):
        field().clean(f" {INVISIBLE}\u200d\ufe0f ")


def test_only_names_and_prose_preserve_joining_characters() -> None:
    persian = "علی\u200cرضا"
    assert NameField().clean(persian) == LinesField().clean(persian) == persian
    assert LineField().clean(persian) == "علیرضا"


def test_no_break_space_in_a_code_is_a_space() -> None:
    assert LineField().clean("LP\u00a0004\u202f8213") == "LP 004 8213"
    assert NameField().clean("Mary\u00a0Jane") == "Mary\u00a0Jane"


A_WHOLE_TABLE = (UploadForm, "table")  # the fields of each row's entry remove them


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_text_field_removes_them_except_passwords(form: type[forms.Form]) -> None:
    for name, field in form.base_fields.items():
        if isinstance(field.widget, forms.PasswordInput):
            assert not isinstance(field, LineField)
            assert field.clean(f" {INVISIBLE}pass\u200bword ") == f" {INVISIBLE}pass\u200bword ", name
        elif isinstance(field, forms.CharField) and not field.widget.is_hidden:
            assert isinstance(field, LineField) or (form, name) == A_WHOLE_TABLE, name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_text_field_disables_autofill_and_correction(form: type[forms.Form]) -> None:
    for field in form.base_fields.values():
        if isinstance(field, LineField):
            attrs = field.widget.attrs
            assert attrs["autocomplete"] in ("off", "username")
            assert (attrs["autocapitalize"], attrs["autocorrect"]) == ("off", "off")
            assert (attrs["spellcheck"], attrs["translate"]) == ("false", "no")
            assert (attrs.get("dir") == "auto") is isinstance(field, NameField)


def test_invalid_bytes_are_reported() -> None:
    with pytest.raises(ValidationError, match="again"):
        LineField().clean("Ida\N{REPLACEMENT CHARACTER}")
