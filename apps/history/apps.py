from django.apps import AppConfig


class HistoryConfig(AppConfig):
    name = "apps.history"
    label = "history"

    def ready(self) -> None:
        from apps.audit.registry import register  # noqa: PLC0415  (models load after the apps)
        from apps.history.audit_events import EVENTS  # noqa: PLC0415  (likewise)

        register(EVENTS)
