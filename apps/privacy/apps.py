from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "apps.privacy"
    label = "privacy"

    def ready(self) -> None:
        from apps.audit.registry import register  # noqa: PLC0415  (models load after the apps)
        from apps.privacy.audit_events import EVENTS  # noqa: PLC0415  (likewise)

        register(EVENTS)
