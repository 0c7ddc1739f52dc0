"""Every column with encrypted values or digests is in the registry of personal data."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from apps.core import personal_data


def _looks_personal(field: models.Field) -> bool:  # type: ignore[type-arg]  # of any type
    return (
        field.name.startswith("encrypted_") or "digest" in field.name or isinstance(field, models.BinaryField)
    )


def _registered() -> set[tuple[type[models.Model], str]]:
    found: set[tuple[type[models.Model], str]] = set()
    for definition in personal_data.registered():
        found |= {(definition.model, column.name) for column in definition.encrypted}
        found |= {(digest.model, digest.name) for digest in definition.digests}
    return found


def test_every_encrypted_or_digest_column_is_registered() -> None:
    found = {
        (model, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if _looks_personal(field)
    }
    assert len(found) >= 9
    assert found == _registered()


def test_registered_columns_are_bytes_and_their_models_have_an_id_before_they_are_stored() -> None:
    for model, name in _registered():
        assert isinstance(model._meta.get_field(name), models.BinaryField), name
    for definition in personal_data.registered():
        assert definition.model().public_id, definition.model  # type: ignore[attr-defined]
