"""Configuration of the history app, which installs the triggers of its totals after every migration."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class HistoryConfig(AppConfig):
    name = "apps.history"
    label = "history"

    def ready(self) -> None:
        from apps.audit.registry import (  # noqa: PLC0415  (models load after the apps)
            RecordPage,
            register,
            register_page,
        )
        from apps.core.open_work import register as register_open_work  # noqa: PLC0415  (likewise)
        from apps.core.personal_data import register as register_personal_data  # noqa: PLC0415  (likewise)
        from apps.history.audit_events import EVENTS  # noqa: PLC0415  (likewise)
        from apps.history.permissions import VIEW_PAST_EXPORTS  # noqa: PLC0415  (likewise)
        from apps.history.personal_data import PERSONAL  # noqa: PLC0415  (likewise)
        from apps.history.presenters.open_work import open_work_of, stopped_work_of  # noqa: PLC0415  (likewise)

        register(EVENTS)
        register_page("export", RecordPage("history:exported", VIEW_PAST_EXPORTS))
        for definition in PERSONAL:
            register_personal_data(definition)
        register_open_work(self.label, open_work_of, stopped_work_of)
        post_migrate.connect(_install_triggers, sender=self)


def _install_triggers(*, using: str, **_: Any) -> None:
    # Not in a migration: on SQLite, a later AlterField rebuilds the table and silently drops its triggers.
    from apps.history.totals.triggers import install_triggers  # noqa: PLC0415  (models load after the apps)

    install_triggers(connections[using])
