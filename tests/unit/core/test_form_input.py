"""What arrives twice or holds what nobody sees is told in words, in every form of the portal."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict

from apps.core.form_input import (
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
        raise ValidationError("what the last value alone is told")


# --- Twice ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", ["name", "note", "colour"])
def test_a_field_with_two_values_is_an_error_at_the_field_and_keeps_the_later_one(field: str) -> None:
    form = Choose(QueryDict(f"{field}=blue&{field}=red"))
    assert form.errors[field] == [ARRIVED_TWICE]
    assert field not in form.cleaned_data
    assert form[field].value() == "red"


@pytest.mark.parametrize("query", ["note=x&note=x", "roles=a&roles=b", "note=x&other=1&other=2"])
def test_the_same_twice_a_list_and_what_is_no_field_are_no_contradiction(query: str) -> None:
    assert set(Choose(QueryDict(query)).errors) == {"name"}


def test_a_name_of_another_form_is_not_this_forms() -> None:
    assert "note" not in Choose(QueryDict("note=1&note=2&mine-note=x"), prefix="mine").errors
    assert "note" in Choose(QueryDict("mine-note=1&mine-note=2"), prefix="mine").errors


def test_a_row_whose_later_value_is_empty_is_not_an_empty_row() -> None:
    form = Choose(QueryDict("note=x&note="), empty_permitted=True, use_required_attribute=False)
    assert form.errors["note"] == [ARRIVED_TWICE]


def test_a_form_that_nobody_sent_says_nothing() -> None:
    assert Choose().errors == {}
    assert Choose({"note": "x"}).errors.keys() == {"name"}  # read again from what was kept: no list of values


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
def test_every_form_of_the_portal_refuses_two_values_before_it_reads_on(form: type[forms.Form]) -> None:
    assert issubclass(form, PortalForm)
    own = [kind for kind in form.__mro__ if "clean" in vars(kind) and kind is not PortalForm]
    calls_on = [kind for kind in own if "super" in kind.clean.__code__.co_names]  # type: ignore[attr-defined]
    assert [kind for kind in own if kind not in calls_on and kind.__module__.startswith("apps.")] == []


def test_the_forms_are_found() -> None:
    assert len(FORMS) >= 12


# --- One value of an address ----------------------------------------------------------------------
def test_one_value_is_taken_as_it_is_and_none_is_an_empty_text() -> None:
    values = QueryDict("a=1&b=2&b=2&c=+x+")
    assert [single_value(values, name) for name in "abcd"] == ["1", "2", " x ", ""]
    assert conflicting_names(values) == frozenset()


def test_two_values_are_refused_without_quoting_them() -> None:
    values = QueryDict("secret=1&secret=2")
    assert conflicting_names(values) == {"secret"}
    with pytest.raises(ConflictingValues) as refused:
        single_value(values, "secret")
    assert str(refused.value) == ""


# --- What nobody sees -----------------------------------------------------------------------------
@pytest.mark.parametrize("control", [*CONTROLS_THAT_PYTHON_STRIPS, "\x00", "\x07", "\x7f", "\x9f", "\ud800"])
@pytest.mark.parametrize("field", [LineField(), LinesField()], ids=["line", "lines"])
def test_a_control_character_is_refused_wherever_it_is(field: forms.CharField, control: str) -> None:
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
def test_a_line_separator_is_a_line_break(separator: str) -> None:
    assert LinesField().clean(f"one{separator}two") == "one\ntwo"
    with pytest.raises(ValidationError, match="line breaks"):
        LineField().clean(f"one{separator}two")


def test_several_lines_are_for_the_field_of_several_lines() -> None:
    assert LinesField().clean("one\r\ntwo\tthree\n") == "one\ntwo\tthree"
    with pytest.raises(ValidationError, match="line breaks"):
        LineField().clean("one\r\ntwo")


def test_a_line_break_is_one_character_however_it_was_sent() -> None:
    for text in ("a\r\nb", "a\rb", "a\nb"):
        assert LinesField(max_length=3).clean(text) == "a\nb"


def test_the_browser_is_told_the_limit_and_cuts_nothing() -> None:
    for field in (LineField(max_length=9, min_length=2), LinesField(max_length=9)):
        assert field.widget.attrs["data-limit"] == "9"
        assert not {"maxlength", "minlength"} & {*field.widget.attrs}
        with pytest.raises(ValidationError, match="9"):
            field.clean("0123456789")


@pytest.mark.parametrize("text", ["e\N{COMBINING ACUTE ACCENT}", "👩🏽🚀", "مرحبا", "a\u0600b"])
def test_everything_else_is_taken_as_typed(text: str) -> None:
    assert LineField().clean(text) == text


INVISIBLE = "\u200b\ufeff\u202e\u2060\u3164\u2800"


@pytest.mark.parametrize("field", [LineField, NameField, LinesField])
def test_characters_that_nobody_sees_are_removed_and_nothing_visible_is_empty(
    field: type[forms.CharField],
) -> None:
    for character in INVISIBLE:
        assert field().clean(f"{character}Id{character}a {character}") == "Ida"
    assert field(required=False).clean(INVISIBLE) == ""
    with pytest.raises(ValidationError, match="required"):
        field().clean(f" {INVISIBLE}\u200d\ufe0f ")


def test_only_names_and_prose_keep_what_shapes_their_letters() -> None:
    persian = "علی\u200cرضا"
    assert NameField().clean(persian) == LinesField().clean(persian) == persian
    assert LineField().clean(persian) == "علیرضا"


def test_a_no_break_space_in_a_code_is_a_space() -> None:
    assert LineField().clean("LP\u00a0004\u202f8213") == "LP 004 8213"
    assert NameField().clean("Mary\u00a0Jane") == "Mary\u00a0Jane"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_text_field_of_the_portal_removes_them_but_a_password_never(form: type[forms.Form]) -> None:
    for name, field in form.base_fields.items():
        if isinstance(field.widget, forms.PasswordInput):
            assert not isinstance(field, LineField)
            assert field.clean(f" {INVISIBLE}pass\u200bword ") == f" {INVISIBLE}pass\u200bword ", name
        elif isinstance(field, forms.CharField) and not field.widget.is_hidden:
            assert isinstance(field, LineField), name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_the_browser_keeps_its_hands_off_every_text_field(form: type[forms.Form]) -> None:
    for field in form.base_fields.values():
        if isinstance(field, LineField):
            attrs = field.widget.attrs
            assert attrs["autocomplete"] in ("off", "username")
            assert (attrs["autocapitalize"], attrs["autocorrect"]) == ("off", "off")
            assert (attrs["spellcheck"], attrs["translate"]) == ("false", "no")
            assert (attrs.get("dir") == "auto") is isinstance(field, NameField)


def test_bytes_that_were_no_text_are_told() -> None:
    with pytest.raises(ValidationError, match="again"):
        LineField().clean("Ida\N{REPLACEMENT CHARACTER}")
