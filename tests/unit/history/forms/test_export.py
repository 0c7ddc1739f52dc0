from typing import Any

import pytest
from django.http import QueryDict

from apps.accounts.models import User
from apps.core.export.formats import Format
from apps.history.exports.lifecycle import Choice
from apps.history.forms.export import (
    DEFAULT_COLUMNS,
    PERSONAL,
    PLAIN,
    ExportForm,
    moved,
    values_of,
    wants_personal,
)
from apps.history.models import ExportReason
from apps.history.writing import Layout
from tests.support.export_rows import prepared


def posted(**changed: str) -> QueryDict:
    """The form data as rendered, with changes; ``-`` removes a name."""
    values = values_of(None, time_zone="Europe/Dublin") | changed
    data = QueryDict(mutable=True)
    data.update({name: value for name, value in values.items() if value != "-"})
    return data


def form_of(**changed: str) -> ExportForm:
    return ExportForm(posted(**changed), with_personal=True)


def none_shown() -> dict[str, str]:
    return {f"show_{key}": "-" for key in PLAIN}


def errors(form: ExportForm) -> dict[str, list[str]]:
    form.is_valid()
    return {name: [str(one) for one in messages] for name, messages in form.errors.items()}


def test_untouched_form_is_a_choice_without_personal_data() -> None:
    form = form_of()
    assert form.is_valid(), form.errors
    assert form.choice() == Choice(
        format="xlsx", columns=DEFAULT_COLUMNS, time_zone="Europe/Dublin", separator=",", byte_order_mark=True
    )


@pytest.mark.parametrize("file", Format.values)
def test_every_choice_is_a_layout(file: str) -> None:
    form = form_of(format=file, separator="tab", byte_order_mark="-", time_zone="UTC")
    assert form.is_valid(), form.errors
    choice = form.choice()
    layout = Layout(Format(file), choice.columns, "UTC", choice.separator, choice.byte_order_mark)
    assert (layout.separator, layout.byte_order_mark) == ("\t", False)


def test_columns_are_ordered_by_position_with_personal_ones_last() -> None:
    chosen = {
        "show_outcome": "on",
        "position_outcome": "3",
        "show_order_ref": "on",
        "position_order_ref": "1",
    }
    personal = {"show_last_name": "on", "position_last_name": "0", "show_first_name": "on"}
    form = form_of(**none_shown() | chosen | personal, reason="complaint")
    assert form.is_valid(), form.errors
    choice = form.choice()
    assert choice.columns == ("order_ref", "outcome", "last_name", "first_name")
    assert (choice.personal, choice.reason) == (True, "complaint")


@pytest.mark.parametrize("position", ["", "x", "²", "-1", "9" * 5_000])
def test_unreadable_position_does_not_move_the_column(position: str) -> None:
    form = form_of(position_person=position)
    assert form.is_valid(), form.errors
    assert form.choice().columns == DEFAULT_COLUMNS


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"format": "-"}, "format", "Choose a format"),
        ({"format": "pdf"}, "format", "Choose a format"),
        ({"separator": "|"}, "separator", "Choose a separator"),
        ({"time_zone": ""}, "time_zone", "Enter a time zone, such as Europe/Dublin or UTC"),
        ({"time_zone": "Mars/Base"}, "time_zone", "Enter a time zone, such as Europe/Dublin or UTC"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "Enter a time zone, such as Europe/Dublin or UTC"),
        (none_shown(), "show_submitted_at", "Choose at least one column"),
        ({"show_last_name": "on"}, "reason", "Choose the reason for exporting personal data"),
        ({"show_last_name": "on", "reason": "x"}, "reason", "Choose the reason for exporting personal data"),
        ({"show_last_name": "on", "reason": "other"}, "note", "Enter the reason in the note"),
        ({"note": "x" * 2001}, "note", "The note has at most 2,000 characters"),
    ],
)
def test_missing_input_is_an_error_at_its_field(changed: dict[str, str], field: str, words: str) -> None:
    assert errors(form_of(**changed)) == {field: [words]}


def test_reason_without_personal_columns_is_dropped() -> None:
    form = form_of(reason="complaint", note="Marker")
    assert form.is_valid()
    choice = form.choice()
    assert (choice.personal, choice.reason, choice.note) == (False, "", "")


def test_personal_columns_need_a_permission() -> None:
    form = ExportForm(posted(show_last_name="on", reason="complaint"), with_personal=False)
    assert [*form.personal_rows()] == []
    assert "reason" not in form.fields
    assert form.is_valid()
    assert not {*form.choice().columns} & {*PERSONAL}


@pytest.mark.parametrize(("values", "wanted"), [({"show_emails": ""}, True), ({"show_outcome": "on"}, False)])
def test_form_that_requests_personal_data_is_recognised(values: dict[str, str], wanted: bool) -> None:
    assert wants_personal(values) is wanted


def order(values: dict[str, str]) -> list[str]:
    form = ExportForm(values=values, with_personal=True)
    return [row.key for row in form.plain_rows()] + [row.key for row in form.personal_rows()]


def test_up_and_down_move_one_column_by_one_position() -> None:
    first, second, *rest = PLAIN
    up, down = moved(posted(move=f"up:{second}")), moved(posted(move=f"down:{first}"))
    assert up is not None
    assert down is not None
    before = order(values_of(None, time_zone="UTC"))
    assert order(up) == order(down) == [before[1], before[0], *before[2:]]
    assert (rest, "move" in up) == ([*PLAIN[2:]], False)


def test_column_at_the_end_stays_and_typed_values_are_preserved() -> None:
    last = moved(posted(move=f"down:{PERSONAL[-1]}", note="typed", show_emails="on"))
    assert last is not None
    assert order(last) == [*order(values_of(None, time_zone="UTC"))]
    form = ExportForm(values=last, with_personal=True)
    assert form["note"].value() == "typed"
    assert [row.key for row in form.personal_rows() if row.show.value()] == ["emails"]
    assert not form.is_bound  # no errors are shown while columns are being moved


@pytest.mark.parametrize("move", ["", "up", "up:nothing", "sideways:outcome", "up:outcome:x"])
def test_invalid_move_moves_nothing(move: str) -> None:
    assert moved(posted(move=move)) is None


def test_last_choice_is_restored_without_personal_columns_and_reason(supervisor: User) -> None:
    choice = Choice(
        format="csv",
        columns=("order_ref", "submitted_at", "last_name"),
        time_zone="Asia/Tokyo",
        separator=";",
        byte_order_mark=False,
        personal=True,
        reason=ExportReason.COMPLAINT,
        note="Marker",
    )
    values = values_of(prepared(supervisor, choice), time_zone="UTC")
    form = ExportForm(values=values, with_personal=True)
    chosen = [row.key for row in form.plain_rows() if row.show.value()]
    assert chosen == ["order_ref", "submitted_at"]
    assert not any(row.show.value() for row in form.personal_rows())
    shown: dict[str, Any] = {
        name: form[name].value() for name in ("format", "time_zone", "separator", "reason")
    }
    assert shown == {"format": "csv", "time_zone": "Asia/Tokyo", "separator": "semicolon", "reason": None}
    assert not form["byte_order_mark"].value()
    assert "Marker" not in str(form)


def test_choice_of_only_personal_columns_restores_the_default_columns(supervisor: User) -> None:
    choice = Choice("jsonl", ("emails",), "UTC", ",", True, personal=True, reason="complaint")
    values = values_of(prepared(supervisor, choice), time_zone="UTC")
    assert {name for name in values if name.startswith("show_")} == {f"show_{key}" for key in DEFAULT_COLUMNS}
