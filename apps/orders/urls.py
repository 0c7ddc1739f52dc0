from django.urls import path, register_converter

from apps.orders import views
from apps.orders.converters import ReferenceConverter

register_converter(ReferenceConverter, "vendor_reference")

app_name = "orders"
urlpatterns = [
    path("orders/", views.orders, name="orders"),
    path("orders/<vendor_reference:ref>/", views.order, name="order"),
    path("guests/<vendor_reference:ref>/", views.guest, name="guest"),
    path("order-consumers/<vendor_reference:ref>/", views.order_consumer, name="order_consumer"),
]
