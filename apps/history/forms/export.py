"""The form of an export: columns, format, time zone and reason."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.core.export.formats import Format
from apps.core.forms.input import LineField, LinesField, PortalForm
from apps.history.columns import COLUMNS
from apps.history.exports.lifecycle import Choice
from apps.history.models import Export, ExportReason

PLAIN: Final = tuple(key for key, column in COLUMNS.items() if not column.personal)
PERSONAL: Final = tuple(key for key, column in COLUMNS.items() if column.personal)
DEFAULT_COLUMNS: Final = (
    "submitted_at",
    "person",
    "user_name",
    "outcome",
    "order_number",
    "order_ref",
    "consumer_ref",
    "guest_ref",
    "duration_ms",
)
"""The columns of a person's first export, unless they have chosen columns of the list."""
_OF_LIST: Final = {
    "time": "submitted_at",
    "person": "person",
    "order": "order_ref",
    "outcome": "outcome",
    "duration": "duration_ms",
    "consumer_ref": "consumer_ref",
    "guest_ref": "guest_ref",
    "reason": "error_code",
}
_FORMATS = [
    (
        Format.XLSX.value,
        _("Excel – dates, numbers and texts, never a formula; a sheet says what was exported"),
    ),
    (
        Format.CSV.value,
        _(
            "CSV for spreadsheets – an apostrophe is added before text that a spreadsheet could read as a"
            " formula"
        ),
    ),
    (Format.CSV_EXACT.value, _("CSV, exact – for programs; not safe to open in a spreadsheet")),
    (Format.JSONL.value, _("JSON Lines – for programs; the last line states that the file is complete")),
]
_SEPARATORS = {"comma": (",", _("Comma")), "semicolon": (";", _("Semicolon")), "tab": ("\t", _("Tab"))}
_SEPARATOR_NAMES = {character: name for name, (character, _label) in _SEPARATORS.items()}


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column in the form: a check box, and a field for its position."""

    key: str
    label: Any
    show: BoundField
    position: BoundField


@cache  # reads several hundred files
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def wants_personal(values: Mapping[str, Any]) -> bool:
    """Whether a posted form contains columns with personal data, permitted or not."""
    return any(f"show_{key}" in values for key in PERSONAL)


def moved(values: QueryDict, groups: Sequence[tuple[str, ...]] = (PLAIN, PERSONAL)) -> dict[str, str] | None:
    """The values after Up or Down was pressed without script; None if neither was pressed.

    ``groups``: the keys of the columns that are ordered among each other.
    """
    direction, _colon, key = values.get("move", "").partition(":")
    group = next((group for group in groups if key in group), ())
    if direction not in ("up", "down") or not group:
        return None
    changed = {name: str(value) for name, value in values.items() if name != "move"}
    order = in_order(group, changed)
    old = order.index(key)
    new = min(max(old + (1 if direction == "down" else -1), 0), len(order) - 1)
    order.insert(new, order.pop(old))
    return changed | {f"position_{name}": str(number) for number, name in enumerate(order)}


def values_of(
    last: Export | None, *, time_zone: str, with_personal: bool = False, listed: Sequence[str] = ()
) -> dict[str, str]:
    """The choice of an export as posted values, without the reason, and unless asked for without personal
    columns.

    ``listed``: the columns that the person has chosen for the list, which the first export begins with.
    """
    if last is None:
        plain = [_OF_LIST[key] for key in listed if key in _OF_LIST] or list(DEFAULT_COLUMNS)
        values = {"format": Format.XLSX.value, "separator": "comma"}
    else:
        plain = [key for key in last.columns if key in PLAIN] or list(DEFAULT_COLUMNS)
        values = {"format": last.format, "separator": _SEPARATOR_NAMES.get(last.separator, "comma")}
    if last is None or last.byte_order_mark:
        values["byte_order_mark"] = "on"
    values["time_zone"] = time_zone if last is None else last.time_zone
    personal = [key for key in last.columns if key in PERSONAL] if last and with_personal else []
    shown = {f"show_{key}": "on" for key in (*plain, *personal)}
    for group, chosen in ((PLAIN, plain), (PERSONAL, personal)):
        order = [*chosen, *(key for key in group if key not in chosen)]
        if chosen:
            values |= {f"position_{key}": str(number) for number, key in enumerate(order)}
    return values | shown


class ExportForm(PortalForm):
    """Format, columns in order, and the options of CSV.

    ``values`` are posted names and values to begin with: of the last export, of a sealed entry, or after a
    column was moved. ``with_personal``: whether the person may export personal data.
    """

    format = forms.ChoiceField(
        label=_("Format"),
        choices=_FORMATS,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a format"), "invalid_choice": _("Choose a format")},
    )
    time_zone = LineField(
        label=_("Time zone"),
        max_length=64,
        error_messages={
            "required": _("Enter a time zone, such as Europe/Dublin or UTC"),
            "max_length": _("Enter a time zone, such as Europe/Dublin or UTC"),
        },
        help_text=_("Your own, UTC, or another one by name, such as Europe/Dublin."),
        widget=forms.TextInput(attrs={"list": "time-zones"}),
    )
    separator = forms.ChoiceField(
        label=_("Separator"),
        choices=[(name, label) for name, (_character, label) in _SEPARATORS.items()],
        widget=forms.RadioSelect,
        help_text=_("Spreadsheets in many European countries expect a semicolon."),
        error_messages={"required": _("Choose a separator"), "invalid_choice": _("Choose a separator")},
    )
    byte_order_mark = forms.BooleanField(
        label=_("Start with a byte-order mark"),
        required=False,
        help_text=_("Excel needs it to read letters such as é. Some programs cannot read it."),
    )
    reason = forms.ChoiceField(
        label=_("Reason"),
        required=False,
        choices=[("", _("Choose a reason")), *ExportReason.choices],
        error_messages={"invalid_choice": _("Choose the reason for exporting personal data")},
    )
    note = LinesField(
        label=_("Note (optional)"),
        required=False,
        max_length=2000,
        help_text=_("Stored encrypted with the export. The audit log records the reason, never the note."),
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": _("The note has at most 2,000 characters")},
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        with_personal: bool,
        values: Mapping[str, str] | None = None,
    ) -> None:
        values = values or {}
        super().__init__(data, initial={**values, "byte_order_mark": "byte_order_mark" in values})
        self.use_required_attribute = False
        self._with_personal = with_personal
        self._in_order = data if data is not None else values
        for key in (*PLAIN, *(PERSONAL if with_personal else ())):
            show, position = f"show_{key}", f"position_{key}"
            self.fields[show] = forms.BooleanField(label=COLUMNS[key].label, required=False)
            self.fields[position] = forms.CharField(required=False, widget=forms.HiddenInput)
            self.initial[show] = show in values
        if not with_personal:
            del self.fields["reason"], self.fields["note"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        if not self.errors and not self._chosen():
            self.add_error(f"show_{self._order(PLAIN)[0]}", _("Choose at least one column"))
        if self._chooses_personal():
            if not data.get("reason") and "reason" not in self.errors:
                self.add_error("reason", _("Choose the reason for exporting personal data"))
            if data.get("reason") == ExportReason.OTHER and data.get("note") == "":
                self.add_error("note", _("Enter the reason in the note"))
        return data

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"])
        if name not in _time_zones():
            raise forms.ValidationError(
                _("Enter a time zone, such as Europe/Dublin or UTC"), code="no_time_zone"
            )
        return name

    def choice(self) -> Choice:
        """The choice. Call it on a valid form."""
        data, personal = self.cleaned_data, self._chooses_personal()
        return Choice(
            format=data["format"],
            columns=self._chosen(),
            time_zone=data["time_zone"],
            separator=_SEPARATORS[data["separator"]][0],
            byte_order_mark=data["byte_order_mark"],
            personal=personal,
            reason=data["reason"] if personal else "",
            note=data["note"] if personal else "",
        )

    def plain_rows(self) -> Iterator[ColumnRow]:
        """The columns without personal data, in the person's order."""
        return self._rows(PLAIN)

    def personal_rows(self) -> Iterator[ColumnRow]:
        """The columns with personal data, for people who may export them."""
        return self._rows(PERSONAL if self._with_personal else ())

    def _rows(self, group: tuple[str, ...]) -> Iterator[ColumnRow]:
        for number, key in enumerate(self._order(group)):
            position = self[f"position_{key}"]
            self.initial[f"position_{key}"] = number
            yield ColumnRow(key, COLUMNS[key].label, self[f"show_{key}"], position)

    def _order(self, group: tuple[str, ...]) -> list[str]:
        return in_order(group, self._in_order)

    def _chosen(self) -> tuple[str, ...]:
        groups = (PLAIN, PERSONAL if self._with_personal else ())
        return tuple(
            key for group in groups for key in self._order(group) if self.cleaned_data.get(f"show_{key}")
        )

    def _chooses_personal(self) -> bool:
        return any(key in PERSONAL for key in self._chosen())


def repeated(earlier: Export) -> Choice | None:
    """The choice of an export without personal columns, for another export.

    None if it cannot be repeated exactly: with personal columns, which need a reason, or with a column or a
    time zone that the portal no longer has.
    """
    values = QueryDict(mutable=True)
    values.update(values_of(earlier, time_zone=earlier.time_zone))
    form = ExportForm(values, with_personal=False)
    if not form.is_valid() or form.choice().columns != tuple(earlier.columns):
        return None
    return form.choice()


def in_order(group: tuple[str, ...], values: Mapping[str, Any]) -> list[str]:
    """The columns sorted by their posted positions. A column without a valid position has its default one."""

    def position(key: str) -> int:
        text = str(values.get(f"position_{key}", ""))
        return int(text) if text.isdecimal() and text.isascii() and len(text) < 4 else group.index(key)

    return sorted(group, key=position)
