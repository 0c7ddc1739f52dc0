"""The whole entry: form and lists read as one. It ends in one frozen value, the client's own request type."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.forms.boundfield import BoundField
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from apps.cdp.consumers import NewConsumer
from apps.consumers.forms.consumer import MISSING, ConsumerForm, required_fields
from apps.consumers.forms.lists import LISTS, RowList
from apps.consumers.forms.normalisations import normalisations
from apps.consumers.sending.warnings import has_enough_identity
from apps.consumers.value_lists import Normalisation
from apps.core.form_errors import FieldError, field_errors
from apps.core.form_input import LineField


class Entry:
    """The whole entry on the page: the form and its three lists, which are read and shown as one.

    ``values`` is what the browser posts (or would post): flat names to texts. An entry is *posted*
    (read, with errors where there are any) or *typed* (shown again as it stands, nothing said about it).
    """

    def __init__(self, values: Mapping[str, str], *, read: bool, providers: tuple[str, ...]) -> None:
        self.form = ConsumerForm(data=values) if read else ConsumerForm(initial=dict(values.items()))
        self.providers = providers
        self._summaries: dict[str, str] = {}
        self.lists: dict[str, RowList] = {}
        for prefix, row_list in LISTS.items():
            # One row at least: to type in, and for an error to stand at.
            rows: dict[str, Any]
            if read:
                rows = {"data": values if _count(values, prefix) else with_rows(values, prefix, [{}])}
            else:
                rows = {"initial": typed_rows(values, prefix) or [{}]}
            self.lists[prefix] = row_list(prefix=prefix, providers=providers, **rows)

    @classmethod
    def posted(cls, values: Mapping[str, str], providers: tuple[str, ...]) -> Entry:
        """What was posted, read and checked."""
        return cls(values, read=True, providers=providers)

    @classmethod
    def typed(
        cls, values: Mapping[str, str], providers: tuple[str, ...], *, token: uuid.UUID | None = None
    ) -> Entry:
        """The same values on the page again, without errors; with a new token where none is given."""
        return cls(
            {**dict(values.items()), "token": str(token or uuid.uuid4())}, read=False, providers=providers
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
        """Whether everything can be sent; every part is read, so that all errors show at once."""
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
        """The names of the fields that somebody can see, and an error can stand at."""
        shown = {name for name in self.form.fields if name != "token"}
        rows = (row for prefix in LISTS for row in self.lists[prefix].forms)
        return shown | {row.add_prefix(name) for row in rows for name in row.fields}

    @property
    def token(self) -> uuid.UUID:
        """The token of this rendered form."""
        token: uuid.UUID = self.form.cleaned_data["token"]
        return token

    @property
    def order_ref(self) -> str:
        """The order that the consumer is for."""
        return str(self.form.cleaned_data["order_ref"])

    def to_new_consumer(self) -> NewConsumer:
        """The consumer to be sent; only after ``is_valid()``."""
        read = self.form.cleaned_data
        return NewConsumer(
            title=read["title"],
            first_name=read["first_name"],
            last_name=read["last_name"],
            gender=read["gender"],
            date_of_birth=read["date_of_birth"],
            emails=self.emails.values(),
            phone_numbers=self.phone_numbers.values(),
            nationality=read["nationality"],
            passport_number=read["passport_number"],
            country=read["country"],
            identifiers=self.identifiers.values(),
        )

    def normalised(self) -> frozenset[str]:
        """Which values are not sent as they were typed, as ``field:how``; only after ``is_valid()``."""
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
            _warnings(self.form[name]).append(text)
            return
        row = next((row for row, values in rows.rows() if value and value in values), None)
        if row is None:
            rows.warnings.append(text)
        else:
            _warnings(row["value"]).append(text)

    def add_error(self, name: str, message: Any, *, summary: str = "") -> None:
        """Put an error at the field (or the first row of the list) of that name, or on top of all.

        ``summary``: what the error summary says instead.
        """
        if summary:
            self._summaries[str(message)] = summary
        if name in self.lists:
            self.lists[name].forms[0].add_error(LISTS[name].row_fields[-1], message)
        else:
            self.form.add_error(name or None, message)

    def errors(self) -> Iterator[FieldError]:
        """Every error in the order of the page, for the summary."""
        for error in self._errors():
            yield FieldError(error.href, self._summaries.get(error.message, error.message))

    def _errors(self) -> Iterator[FieldError]:
        for message in self.form.non_field_errors():
            yield FieldError("#main", str(message))
        for name in self.form.fields:
            yield from field_errors(self.form[name])
            if name == "date_of_birth":
                yield from self._list_errors("emails", "phone_numbers")
        yield from self._list_errors("identifiers")

    def _list_errors(self, *prefixes: str) -> Iterator[FieldError]:
        for prefix in prefixes:
            for message in self.lists[prefix].non_form_errors():
                yield FieldError(f"#{prefix}", str(message))
            for row in self.lists[prefix].forms:
                for name in LISTS[prefix].row_fields:
                    yield from field_errors(row[name])


def _warnings(field: BoundField) -> list[str]:
    """The warnings at a field, for its template. Django keeps one bound field for each field of a form."""
    return vars(field).setdefault("warnings", [])  # type: ignore[no-any-return]


def _normalised(name: str, field: BoundField, sent: tuple[str, ...]) -> frozenset[Normalisation]:
    typed = str(field.data or "")
    if not isinstance(field.field, LineField) or typed in ("", *sent):  # nearly always
        return frozenset()
    return normalisations(name, typed, field.field.visible(typed), sent)


def typed_rows(values: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    """The rows of one list as typed, by their names: a row is not lost because its number is.

    Raises ``TooManyFieldsSent``, a 413 page, for more than twice as many as may be sent.
    """
    count = max(_count(values, prefix) or 0, _rows_present(values, prefix))
    return [
        {name: values.get(f"{prefix}-{index}-{name}", "") for name in LISTS[prefix].row_fields}
        for index in range(count)
    ]


def is_complete(values: Mapping[str, str]) -> bool:
    """Whether every row that arrived is counted. A form that lost its counts would be sent without rows."""
    counts = {prefix: _count(values, prefix) for prefix in LISTS}
    return all(
        count is not None and _rows_present(values, prefix) <= count for prefix, count in counts.items()
    )


def _count(values: Mapping[str, str], prefix: str) -> int | None:
    """The number of rows that the form says it has; None where it says nothing readable."""
    text = values.get(f"{prefix}-TOTAL_FORMS", "")
    count = int(text) if text.isdecimal() and len(text) < 6 else None
    return count if count is None or count <= LISTS[prefix].absolute_max else None


def _rows_present(values: Mapping[str, str], prefix: str) -> int:
    """One more than the highest row index among the names."""
    row_name = re.compile(rf"{prefix}-(\d+)-(?:{'|'.join(LISTS[prefix].row_fields)})", re.ASCII)
    found = (row_name.fullmatch(name) for name in values)
    count = max((int(match[1][:6]) + 1 for match in found if match), default=0)
    if count > LISTS[prefix].absolute_max:
        raise TooManyFieldsSent
    return count


def with_rows(values: Mapping[str, str], prefix: str, rows: list[dict[str, str]]) -> dict[str, str]:
    """The same values with these rows in one list."""
    kept = {name: value for name, value in values.items() if not name.startswith(f"{prefix}-")}
    kept[f"{prefix}-TOTAL_FORMS"] = str(len(rows))
    kept[f"{prefix}-INITIAL_FORMS"] = "0"
    for index, row in enumerate(rows):
        kept |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return kept


def with_row_added(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The values with one more empty row (the button without script)."""
    return with_rows(values, prefix, [*(typed_rows(values, prefix) or [{}]), {}])


def with_row_removed(values: Mapping[str, str], prefix: str, index: int) -> dict[str, str]:
    """The values without the row of that index, counted from 0."""
    rows = [row for number, row in enumerate(typed_rows(values, prefix)) if number != index]
    return with_rows(values, prefix, rows)


def values_of(order_ref: str, consumer: NewConsumer | None) -> dict[str, str]:
    """What the browser would post for this order and consumer: the form filled from an earlier try."""
    values = {"order_ref": order_ref, "token": str(uuid.uuid4())}
    if consumer is None:
        consumer = NewConsumer(first_name="", last_name="")
    for name in ("title", "first_name", "last_name", "gender", "nationality", "passport_number", "country"):
        values[name] = getattr(consumer, name)
    born = consumer.date_of_birth
    values["date_of_birth"] = date_format(born, "j F Y") if born else ""
    values = with_rows(values, "emails", [{"value": email} for email in consumer.emails])
    values = with_rows(values, "phone_numbers", [{"value": number} for number in consumer.phone_numbers])
    identifiers = [{"provider": item.provider, "id": item.id} for item in consumer.identifiers]
    return with_rows(values, "identifiers", identifiers)
