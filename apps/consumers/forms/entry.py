"""The whole entry: the form and its lists, validated and shown as one. Its result is a ``NewConsumer``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from apps.cdp.answers import subject_of_message
from apps.cdp.consumers import NewConsumer
from apps.cdp.fields import VENDOR_NAMES
from apps.consumers.forms.consumer import MISSING, ConsumerForm, required_fields
from apps.consumers.forms.flat_values import row_count, rows_of, with_rows
from apps.consumers.forms.lists import LISTS, RowList
from apps.consumers.forms.normalisations import normalisations
from apps.consumers.sending.warnings import has_enough_identity
from apps.consumers.value_lists import Normalisation
from apps.core.forms.bound_field import PortalBoundField
from apps.core.forms.errors import FieldError, field_errors
from apps.core.forms.input import LineField
from apps.core.references import UUID_SHAPED


def refused_control(name: str, message: str) -> str:
    """The control of the value that a refusal of the vendor names, such as ``emails-1-value``, or the field.

    ``name``: the field, as in ``cdp.fields``; ``message``: the vendor's. The form has a row for each value
    that was sent, in the same order.
    """
    subject = subject_of_message(message, frozenset({VENDOR_NAMES[name]}))
    if subject.index is None or name not in LISTS:
        return name
    fields = LISTS[name].row_fields
    return f"{name}-{subject.index}-{subject.part if subject.part in fields else fields[-1]}"


class Entry:
    """The form and its three lists, which a page validates and shows as one.

    ``values``: flat names and texts, as a browser posts them. ``providers``: the identifier providers that
    the company offers. ``date_order``: of day and month, if it is not that of the setting ``DATE_ORDER``. As
    with Django's forms, a *bound* entry is validated and shows its errors; an *unbound* one shows the same
    values without errors.
    """

    def __init__(
        self, values: Mapping[str, str], *, bound: bool, providers: tuple[str, ...], date_order: str = ""
    ) -> None:
        self.form = ConsumerForm(data=values) if bound else ConsumerForm(initial=dict(values.items()))
        if date_order:
            self.form.read_date_in(date_order)
        self.values = values
        self.providers = providers
        self._summaries: dict[str, str] = {}
        self._order_href = ""
        self.lists: dict[str, RowList] = {}
        for prefix, row_list in LISTS.items():
            # One row at least: to type in, and to hold an error of the list.
            rows: dict[str, Any]
            if bound:
                rows = {"data": values if row_count(values, prefix) else with_rows(values, prefix, [{}])}
            else:
                rows = {"initial": rows_of(values, prefix) or [{}]}
            self.lists[prefix] = row_list(prefix=prefix, providers=providers, **rows)

    @classmethod
    def bound(cls, values: Mapping[str, str], providers: tuple[str, ...], *, date_order: str = "") -> Entry:
        """The values for validation."""
        return cls(values, bound=True, providers=providers, date_order=date_order)

    @classmethod
    def unbound(
        cls, values: Mapping[str, str], providers: tuple[str, ...], *, token: uuid.UUID | None = None
    ) -> Entry:
        """The values without errors; with a new token unless one is given."""
        return cls(
            {**dict(values.items()), "token": str(token or uuid.uuid4())}, bound=False, providers=providers
        )

    @property
    def emails(self) -> RowList:
        return self.lists["emails"]

    @property
    def phone_numbers(self) -> RowList:
        return self.lists["phone_numbers"]

    @property
    def identifiers(self) -> RowList:
        return self.lists["identifiers"]

    def is_valid(self) -> bool:
        """Whether everything can be sent. Every part is validated, so that all errors show at once."""
        if not all([self.form.is_valid(), *(rows.is_valid() for rows in self.lists.values())]):
            return False
        missing = [prefix for prefix in required_fields() & set(LISTS) if not self.lists[prefix].values()]
        for prefix in missing:
            self.add_error(prefix, MISSING[prefix])
        if not missing and settings.IDENTITY_REQUIRED and not self._has_enough_identity():
            missing.append("identifiers")
            self.add_error("identifiers", _("Enter an identifier of one of the listed providers"))
        return not missing

    def _has_enough_identity(self) -> bool:
        return has_enough_identity(self.to_new_consumer(), self.providers)

    def shown_names(self) -> set[str]:
        """The names of the visible fields: those that can show an error."""
        shown = {name for name in self.form.fields if name != "token"}
        rows = (row for prefix in LISTS for row in self.lists[prefix].forms)
        return shown | {row.add_prefix(name) for row in rows for name in row.fields}

    @property
    def token(self) -> uuid.UUID:
        """The token of the rendered form. Call after ``is_valid()``."""
        token: uuid.UUID = self.form.cleaned_data["token"]
        return token

    @property
    def order_ref(self) -> str:
        """The reference of the order. Call after ``is_valid()``."""
        return str(self.form.cleaned_data["order_ref"])

    def reference_in_field(self) -> str:
        """The reference that is in the field Order, also before validation; empty if there is none."""
        with suppress(ValidationError):
            return str(self.form.fields["order_ref"].clean(self.values.get("order_ref", "")))
        return ""

    @property
    def known_order(self) -> str:
        """The reference in the field Order for an address, also before validation; empty for another text.

        Only the vendor's own shape: any other text may be personal, and must not be in an address.
        """
        shown = str(self.form["order_ref"].value() or "").strip()
        return shown if UUID_SHAPED.fullmatch(shown) else ""

    def may_be_order_number(self) -> bool:
        """Whether the field Order of a validated entry has no reference and no other error."""
        found = self.form.errors.as_data().get("order_ref", [])
        return [error.code for error in found] == ["not_a_reference"]

    def lacks_only_the_order(self) -> bool:
        """Whether the field Order has the only error, so that with a reference the entry could be sent."""
        return [error.href for error in self.errors()] == ["#id_order_ref"]

    def show_order(self, text: str) -> None:
        """Show this text in the field Order. What was validated, and what is sent, stays."""
        if self.form.is_bound:
            self.form.data = {**dict(self.form.data.items()), "order_ref": text}
        else:
            self.form.initial["order_ref"] = text

    def replace_order_error(self, message: Any, *, href: str = "") -> None:
        """Show this error at the field Order in place of the present one. ``href``: where its link leads."""
        self._order_href = href
        self.form.errors.pop("order_ref", None)
        self.add_error("order_ref", message)

    def to_new_consumer(self) -> NewConsumer:
        """The consumer to be sent. Call after ``is_valid()``."""
        cleaned = self.form.cleaned_data
        return NewConsumer(
            title=cleaned["title"],
            first_name=cleaned["first_name"],
            last_name=cleaned["last_name"],
            gender=cleaned["gender"],
            date_of_birth=cleaned["date_of_birth"],
            emails=self.emails.values(),
            phone_numbers=self.phone_numbers.values(),
            nationality=cleaned["nationality"],
            passport_number=cleaned["passport_number"],
            country=cleaned["country"],
            identifiers=self.identifiers.values(),
        )

    def normalised(self) -> frozenset[str]:
        """Which values are not sent as they were typed, as ``field:how``. Call after ``is_valid()``."""
        found = {
            (name, how)
            for name, field in self.form.fields.items()
            if isinstance(field, LineField) and isinstance(self.form.cleaned_data[name], str)
            for how in _normalised(name, self.form[name], (self.form.cleaned_data[name],))
        }
        for prefix, rows in self.lists.items():
            for row, values in rows.rows():
                for name in rows.row_fields:
                    sent = values if name == "value" else (row.cleaned_data[name],)
                    found |= {(prefix, how) for how in _normalised(prefix, row[name], sent)}
        return frozenset(f"{name}:{how.value}" for name, how in found if name != "order_ref")

    def warn(self, name: str, text: str, *, value: str = "") -> None:
        """Show a warning at a field, at a list, or at the row of the list that holds ``value``."""
        rows = self.lists.get(name)
        if rows is None:
            _bound_field(self.form, name).warnings.append(text)
            return
        row = next((row for row, values in rows.rows() if value and value in values), None)
        if row is None:
            rows.warnings.append(text)
        else:
            _bound_field(row, "value").warnings.append(text)

    def add_error(self, name: str, message: Any, *, summary: str = "") -> None:
        """Add an error to the field of that name, to the first row of that list, or to the form (``""``).

        ``name``: also of a control in a list, such as ``emails-1-value``. If there is no such control, the
        error is at the first row. ``summary``: the text for the error summary, if it differs.
        """
        if summary:
            self._summaries[str(message)] = summary
        prefix = name.partition("-")[0]
        if prefix not in self.lists:
            self.form.add_error(name or None, message)
            return
        rows = self.lists[prefix].forms
        controls = {row.add_prefix(field): (row, field) for row in rows for field in row.fields}
        row, field = controls.get(name, (rows[0], LISTS[prefix].row_fields[-1]))
        row.add_error(field, message)

    def focus(self, name: str) -> None:
        """Give the control of that name, such as ``emails-1-value``, the focus when the page is shown."""
        forms = [self.form, *(row for rows in self.lists.values() for row in rows.forms)]
        for form in forms:
            for field_name, field in form.fields.items():
                if form.add_prefix(field_name) == name:
                    field.widget.attrs |= {"autofocus": True, "data-focus": ""}

    def errors(self) -> Iterator[FieldError]:
        """Every error in the order of the page, for the error summary."""
        for _name, error in self.named_errors():
            yield FieldError(error.href, self._summaries.get(error.message, error.message))

    def named_errors(self) -> Iterator[tuple[str, FieldError]]:
        """Every error with the name of its control or list, empty for one of the form, in that order."""
        for message in self.form.non_field_errors():
            yield "", FieldError("#main", str(message))
        for name in self.form.fields:
            for error in field_errors(self.form[name]):
                href = self._order_href if name == "order_ref" else ""
                yield name, FieldError(href or error.href, error.message)
            if name == "date_of_birth":
                yield from self._list_errors("emails", "phone_numbers")
        yield from self._list_errors("identifiers")

    def _list_errors(self, *prefixes: str) -> Iterator[tuple[str, FieldError]]:
        for prefix in prefixes:
            for message in self.lists[prefix].non_form_errors():
                yield prefix, FieldError(f"#{prefix}", str(message))
            for row in self.lists[prefix].forms:
                for name in LISTS[prefix].row_fields:
                    for error in field_errors(row[name]):
                        yield row.add_prefix(name), error


def _bound_field(form: BaseForm, name: str) -> PortalBoundField:
    return cast("PortalBoundField", form[name])  # the class that PortalForm names


def _normalised(name: str, field: BoundField, sent: tuple[str, ...]) -> frozenset[Normalisation]:
    typed = str(field.data or "")
    if not isinstance(field.field, LineField) or typed in ("", *sent):  # nearly always
        return frozenset()
    return normalisations(name, typed, field.field.visible(typed), sent)
