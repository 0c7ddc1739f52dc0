"""URL configuration of the portal."""

from django.conf import settings
from django.urls import include, path

from consumerportal.views.pages import start, state

urlpatterns = [
    path("", start, name="start"),
    path("status/", state, name="status"),
    path("", include("apps.core.web.urls")),
    path("", include("apps.consumers.urls")),
    path("", include("apps.orders.urls")),
    path("", include("apps.batches.urls")),
    path("", include("apps.history.urls")),
    path("", include("apps.audit.urls")),
    path("", include("apps.privacy.urls")),
    path("accounts/", include("apps.accounts.sign_in_urls")),
    path("people/", include("apps.accounts.urls")),
]
if settings.PRACTICE_MODE:
    from consumerportal.views.gallery import components

    urlpatterns.append(path("components/", components, name="components"))

handler400 = "apps.core.web.views.bad_request"
handler403 = "apps.accounts.views.people.permission_denied"
handler404 = "apps.core.web.views.page_not_found"
handler500 = "apps.core.web.views.server_error"
