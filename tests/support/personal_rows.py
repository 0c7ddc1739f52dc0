"""The personal values of registered rows (``apps.core.personal_data``): found, decrypted and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.core.personal_data import DigestColumn, PersonalModel, Problem, problem_of, registered, text


@dataclass(frozen=True, slots=True, repr=False)
class Described:
    """A personal value of a row. ``text`` is empty if there is a ``problem``."""

    title: str
    text: str
    problem: Problem | None = None


def find(model: type[models.Model]) -> QuerySet[Any]:
    """The rows of a registered model that contain anything personal."""
    definition = _definition(model)
    condition = Q(pk__in=[])
    for name in _own_columns(definition):
        condition |= ~Q(**{name: b""})
    for digest in _digests_elsewhere(definition):
        condition |= Q(Exists(digest.model._default_manager.filter(**{digest.row: OuterRef("pk")})))
    return model._default_manager.filter(condition)


def describe(row: models.Model) -> tuple[Described, ...]:
    """The personal values of a row that are not empty, decrypted, or why one cannot be read."""
    found = []
    for column in _definition(type(row)).encrypted:
        if getattr(row, column.name):
            problem = problem_of(row, column.name)
            value = "" if problem else text(row, column.name)
            found.append(Described(str(column.title), value, problem))
    return tuple(found)


def erase(row: models.Model) -> None:
    """Delete the personal values of a row and their digests."""
    definition = _definition(type(row))
    empty = dict.fromkeys(_own_columns(definition), b"")
    type(row)._default_manager.filter(pk=row.pk).update(**empty)
    for name, value in empty.items():
        setattr(row, name, value)
    for digest in _digests_elsewhere(definition):
        digest.model._default_manager.filter(**{digest.row: row}).delete()


def _definition(model: type[models.Model]) -> PersonalModel:
    return next(one for one in registered() if one.model is model)


def _own_columns(definition: PersonalModel) -> list[str]:
    """The names of the encrypted columns and the digest columns of the model itself."""
    digests = [digest.name for digest in definition.digests if not digest.row]
    return [column.name for column in definition.encrypted] + digests


def _digests_elsewhere(definition: PersonalModel) -> list[DigestColumn]:
    """The digest columns of other models."""
    return [digest for digest in definition.digests if digest.row]
