from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path, register_converter

from apps.orders import views
from apps.orders.converters import ReferenceConverter

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

register_converter(ReferenceConverter, "vendor_reference")


def if_enabled(view: View[P]) -> View[P]:
    """Make a view raise ``Http404`` if the setting ``CDP_ORDER_PAGES`` is False."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not settings.CDP_ORDER_PAGES:
            raise Http404
        return view(request, *args, **kwargs)

    return checked


app_name = "orders"
urlpatterns = [
    path("orders/", if_enabled(views.orders), name="orders"),
    path("orders/<vendor_reference:ref>/", if_enabled(views.order), name="order"),
    path("guests/<vendor_reference:ref>/", if_enabled(views.guest), name="guest"),
    path("order-consumers/<vendor_reference:ref>/", if_enabled(views.order_consumer), name="order_consumer"),
]
