from django.urls import path, register_converter

from apps.orders.converters import ReferenceConverter
from apps.orders.views import guest, guests, if_enabled, order, order_consumer, orders

register_converter(ReferenceConverter, "vendor_reference")

app_name = "orders"
urlpatterns = [
    path("orders/", if_enabled(orders), name="orders"),
    path("orders/<vendor_reference:ref>/", if_enabled(order), name="order"),
    path("guests/", if_enabled(guests), name="guests"),
    path("guests/<vendor_reference:ref>/", if_enabled(guest), name="guest"),
    path("order-consumers/<vendor_reference:ref>/", if_enabled(order_consumer), name="order_consumer"),
]
