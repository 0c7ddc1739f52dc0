from django.apps import AppConfig


class ConsumerPortalConfig(AppConfig):
    name = "consumerportal"
    label = "consumerportal"

    def ready(self) -> None:
        from apps.audit.registry import register  # noqa: PLC0415  (models load after the apps)
        from apps.notices.causes import register as register_causes  # noqa: PLC0415  (likewise)
        from consumerportal.audit_events import EVENTS  # noqa: PLC0415  (likewise)
        from consumerportal.notice_causes import CAUSES  # noqa: PLC0415  (likewise)

        register(EVENTS)
        register_causes(CAUSES)
