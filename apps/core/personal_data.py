"""The registry of personal data: every model with encrypted columns or digests of personal values.

Each app registers its models in ``AppConfig.ready()``. Reading and writing encrypted columns, the rotation of
keys and the sweeps use it. The expiry of lists of people, searches and drafts names its columns itself.

A registered model has a ``public_id``: its encrypted values are bound to that id and to the label of their
column (``core.encryption``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import models
from django.utils.functional import Promise

from apps.core import encryption
from apps.core.bulk_writing import Replaced, replace_values
from apps.core.encryption import DoesNotBelongHereError, NotReadableError

logger = logging.getLogger(__name__)


class Problem(StrEnum):
    """Why an encrypted value cannot be read."""

    KEY_MISSING = "key_missing"
    DOES_NOT_BELONG = "does_not_belong"


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """An encrypted column: a ``BinaryField``, empty if there is no value.

    ``label``: the kind of value. It never changes, because stored values are bound to it. ``title``: what the
    value is, in words.
    """

    name: str
    label: str
    title: Promise


@dataclass(frozen=True, slots=True)
class DigestColumn:
    """A column with keyed digests of personal values: a ``BinaryField``.

    ``row``: the name of the foreign key to the registered model; empty for a column of that model itself.
    """

    model: type[models.Model]
    name: str
    row: str = ""


@dataclass(slots=True)
class RewrittenRows:
    """Rows with new values that are not stored yet.

    ``write`` stores them; call it in a transaction, and roll back if it returns False: a row has changed
    since it was read. ``unreadable``: the ids of the rows that cannot be read and are not changed,
    ``changes``: how many rows it changes.
    """

    write: Callable[[], bool]
    unreadable: list[UUID]
    changes: int


@dataclass(frozen=True, slots=True)
class PersonalModel:
    """A model with personal data.

    ``re_digest_rows``: for a model with digests, computes those of the rows with these primary keys again,
    from their decrypted values, under the key with this fingerprint. Raises ``MissingKeyError``.
    """

    model: type[models.Model]
    encrypted: tuple[EncryptedColumn, ...]
    digests: tuple[DigestColumn, ...] = ()
    re_digest_rows: Callable[[Sequence[int], str], RewrittenRows] | None = None

    def column(self, name: str) -> EncryptedColumn:
        """The encrypted column with that name. Raises ``LookupError`` if it is not registered."""
        for column in self.encrypted:
            if column.name == name:
                return column
        raise LookupError(f"{self.model.__name__}.{name} is not registered as personal data")


_models: dict[type[models.Model], PersonalModel] = {}


def register(definition: PersonalModel) -> None:
    """Register a model. Called from an app's ``ready()``; replaces an earlier registration of the model.

    Raises ``ValueError`` if another column has one of the labels, or digests cannot be computed again.
    """
    others = {
        column.label
        for one in _models.values()
        if one.model is not definition.model
        for column in one.encrypted
    }
    labels = [column.label for column in definition.encrypted]
    if len({*labels}) != len(labels) or others.intersection(labels):
        raise ValueError(f"{definition.model.__name__}: a label is used twice")
    if definition.digests and definition.re_digest_rows is None:
        raise ValueError(f"{definition.model.__name__}: digests that cannot be computed again")
    _models[definition.model] = definition


def registered() -> tuple[PersonalModel, ...]:
    """Every registered model, in the order of registration."""
    return tuple(_models.values())


def label_of(model: type[models.Model], column: str) -> str:
    """The label of an encrypted column. Raises ``LookupError`` if it is not registered."""
    return _models[model].column(column).label


def encrypted(row: models.Model, column: str, text: str, *, or_own_key: bool = False) -> bytes:
    """The text, encrypted for this column of this row; empty for an empty text.

    ``or_own_key``: as for ``encryption.encrypt``, with the same error.
    """
    return encryption.encrypt(text, *_binding(row, column), or_own_key=or_own_key) if text else b""


def text(row: models.Model, column: str) -> str:
    """The decrypted value of a column; empty if it is empty. Raises ``NotReadableError``."""
    stored = getattr(row, column)
    return encryption.decrypt(stored, *_binding(row, column)) if stored else ""


def readable_text(row: models.Model, column: str) -> str:
    """The decrypted value of a column; "" for an empty one, and for an unreadable one, which is logged.

    One unreadable row must not make a page of fifty rows fail.
    """
    try:
        return text(row, column)
    except NotReadableError as error:
        public_id = row.public_id  # type: ignore[attr-defined]  # of registered models
        logger.error("encrypted_value_%s %s %s", _problem(error), label_of(type(row), column), public_id)
        return ""


def problem_of(row: models.Model, column: str) -> Problem | None:
    """Why the value of a column cannot be read; None if it can be read, or is empty."""
    try:
        text(row, column)
    except NotReadableError as error:
        return _problem(error)
    return None


def re_encrypt_rows(model: type[models.Model], pks: Sequence[int], key: str) -> RewrittenRows:
    """The rows with these primary keys, with their values encrypted again with the key of that fingerprint.

    A row of which one value cannot be read keeps all of them. Raises ``MissingKeyError``.
    """
    columns = _models[model].encrypted
    again = [encryption.re_encryptor(column.label, key) for column in columns]
    names = [column.name for column in columns]
    changed: list[Replaced] = []
    unreadable: list[UUID] = []
    rows = model._default_manager.filter(pk__in=pks).values_list("pk", "public_id", *names)
    for pk, public_id, *stored in rows:
        owner = public_id.hex
        try:
            before = tuple(map(encryption.stored_bytes, stored))
            after = tuple(
                one(value, owner) if value else b"" for one, value in zip(again, before, strict=True)
            )
        except NotReadableError:
            unreadable.append(public_id)
            continue
        if after != before:
            changed.append(Replaced(pk, before, after))
    return RewrittenRows(lambda: replace_values(model, names, changed), unreadable, len(changed))


def re_digest_rows(model: type[models.Model], pks: Sequence[int], key: str) -> RewrittenRows:
    """The rows with these primary keys, with their digests under the digest key of that fingerprint.

    Raises ``MissingKeyError``.
    """
    make = _models[model].re_digest_rows
    return make(pks, key) if make is not None else RewrittenRows(lambda: True, [], 0)


def _binding(row: models.Model, column: str) -> tuple[str, str]:
    return label_of(type(row), column), row.public_id.hex  # type: ignore[attr-defined]  # of registered models


def _problem(error: NotReadableError) -> Problem:
    return Problem.DOES_NOT_BELONG if isinstance(error, DoesNotBelongHereError) else Problem.KEY_MISSING
