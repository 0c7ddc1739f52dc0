from django.apps import AppConfig
from django.core.checks import register

from apps.cdp.factory import answer_received


class ConsumersConfig(AppConfig):
    name = "apps.consumers"
    label = "consumers"

    def ready(self) -> None:
        from apps.audit.integrity.retention import register_index  # noqa: PLC0415  (likewise)
        from apps.audit.registry import register as register_events  # noqa: PLC0415  (likewise)
        from apps.consumers.audit_events import EVENTS  # noqa: PLC0415  (likewise)
        from apps.consumers.connection_health import record_answer  # noqa: PLC0415  (likewise)
        from apps.consumers.personal_data import PERSONAL  # noqa: PLC0415  (likewise)
        from apps.consumers.presenters.open_work import open_work_of  # noqa: PLC0415  (likewise)
        from apps.consumers.recording import delete_index_before  # noqa: PLC0415  (likewise)
        from apps.consumers.system_checks import check_form_settings  # noqa: PLC0415  (once the apps are ready)
        from apps.core.open_work import register as register_open_work  # noqa: PLC0415  (likewise)
        from apps.core.personal_data import register as register_personal_data  # noqa: PLC0415  (likewise)

        register_events(EVENTS)
        register_index(delete_index_before)
        for definition in PERSONAL:
            register_personal_data(definition)
        register(check_form_settings)
        register_open_work(self.label, open_work_of)
        answer_received.connect(record_answer)
