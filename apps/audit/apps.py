"""Configuration of the audit app, which installs its triggers after every migration."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "apps.audit"
    label = "audit"

    def ready(self) -> None:
        from apps.audit.audit_events import EVENTS  # noqa: PLC0415  # models are not loaded at import
        from apps.audit.integrity import key_fingerprint  # noqa: PLC0415  # likewise
        from apps.audit.registry import register  # noqa: PLC0415  # likewise
        from apps.core.key_fingerprints import register_kind  # noqa: PLC0415  # likewise

        register(EVENTS)
        register_kind(key_fingerprint.AUDIT_SIGNING)
        register_kind(key_fingerprint.AUDIT_MAC)
        post_migrate.connect(_install_triggers, sender=self)


def _install_triggers(*, using: str, **_: Any) -> None:
    # Not in a migration: on SQLite, a later AlterField rebuilds the table and silently drops its triggers.
    from apps.audit.triggers import install_triggers  # noqa: PLC0415  # models are not loaded at import

    install_triggers(connections[using])
