from django.apps import AppConfig
from django.core.checks import register

from apps.cdp.factory import vendor_answered


class ConsumersConfig(AppConfig):
    name = "apps.consumers"
    label = "consumers"

    def ready(self) -> None:
        from apps.audit.registry import register as register_events  # noqa: PLC0415  (likewise)
        from apps.consumers.audit_events import EVENTS  # noqa: PLC0415  (likewise)
        from apps.consumers.connection_health import note  # noqa: PLC0415  (likewise)
        from apps.consumers.system_checks import check_form_settings  # noqa: PLC0415  (once the apps are ready)

        register_events(EVENTS)
        register(check_form_settings)
        vendor_answered.connect(note)
