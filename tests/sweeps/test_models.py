"""The database matches the models, and no permission is granted by accident."""

from __future__ import annotations

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import Model

from apps.audit.triggers import missing_triggers
from apps.history.totals.triggers import missing_triggers as missing_totals_triggers


def _own_models() -> list[type[Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def test_no_migration_is_missing(db: None) -> None:
    call_command(
        "makemigrations", check_changes=True, dry_run=True, verbosity=0
    )  # exits if a migration is missing


def test_no_model_defines_permissions_of_its_own() -> None:
    assert len(_own_models()) >= 6
    assert [m.__name__ for m in _own_models() if m._meta.default_permissions] == []


def test_audit_log_triggers_exist_after_migrate(db: None) -> None:
    assert missing_triggers(connection) == []


def test_totals_triggers_exist_after_migrate(db: None) -> None:
    assert missing_totals_triggers(connection) == []
