"""Rows as entries of the form: validated by the form, with its error texts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from apps.batches.checking.findings import RowError
from apps.batches.checking.fitting import fitted
from apps.batches.columns.problems import problems_of
from apps.batches.models import Batch, BatchRow
from apps.consumers import selectors
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.fields import OrderReferenceField
from apps.consumers.paste.rows import header_key
from apps.core.references import same_reference, stored_order_number


@dataclass(frozen=True, slots=True, repr=False)
class RowEntry:
    """A row that was validated. ``entry``: can be sent; None if there are ``errors``, or it is unreadable.

    ``is_unreadable``: the values are stored but cannot be decrypted, so nothing is known about the row.
    """

    entry: Entry | None
    errors: tuple[RowError, ...] = ()
    is_unreadable: bool = False


def validated(batch: Batch, row: BatchRow, *, providers: tuple[str, ...] | None = None) -> RowEntry:
    """The row as an entry for the order of its batch, with its own token, or everything to be corrected."""
    stored = row.values
    if stored is None and row.encrypted_values:
        return RowEntry(None, is_unreadable=True)
    if stored is None:  # erased
        return RowEntry(None, (RowError("", gettext("This row cannot be read. Upload it again")),))
    values = fitted(stored)
    errors: list[RowError] = []
    if not names_order(batch, values.get("order_ref", "")):
        errors.append(RowError("order_ref", gettext("This row names another order than the list")))
    if _repeats_headers(batch, values):
        errors.append(RowError("first_name", gettext("This row repeats the headers. Leave it out")))
    problems = {problem.field: problem.text for problem in problems_of(values)}
    errors += [RowError(field, text) for field, text in problems.items()]
    named = {**values, "order_ref": batch.order_ref, "token": str(row.token)}
    entry = Entry.bound(named, selectors.providers() if providers is None else providers)
    if not entry.is_valid():
        # For a value with a problem, the error of the form would not help.
        found = [(name, error) for name, error in entry.named_errors() if name not in problems]
        errors += [RowError(name, error.message) for name, error in found]
    return RowEntry(None, tuple(errors)) if errors else RowEntry(entry)


def _repeats_headers(batch: Batch, values: Mapping[str, str]) -> bool:
    """Whether the names of a row are headers: a second list below the first one brings its own."""
    names = {name: value for name in ("first_name", "last_name") if (value := values.get(name, ""))}
    headers = dict(zip(batch.targets, map(header_key, batch.headers), strict=False))
    keys = {name: header_key(value) for name, value in names.items()}
    return bool(keys) and all(key and key == headers.get(name) for name, key in keys.items())


def names_order(batch: Batch, text: str) -> bool:
    """Whether what a row says about its order is nothing, or the order of the batch: number or reference."""
    typed = text.strip()
    if not typed or typed == batch.order_ref:  # nearly always
        return True
    number = stored_order_number(typed)
    if batch.order_number and number.casefold() == batch.order_number.casefold():
        return True
    with suppress(ValidationError):
        return same_reference(str(OrderReferenceField().clean(typed)), batch.order_ref)
    return False
