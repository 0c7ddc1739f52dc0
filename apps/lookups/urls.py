from django.urls import path, register_converter

from apps.lookups import views
from apps.lookups.converters import ReferenceConverter

register_converter(ReferenceConverter, "vendor_reference")

app_name = "lookups"
urlpatterns = [
    path("orders/", views.orders, name="orders"),
    path("orders/<vendor_reference:ref>/", views.order, name="order"),
    path("guests/<vendor_reference:ref>/", views.guest, name="guest"),
    path("order-consumers/<vendor_reference:ref>/", views.order_consumer, name="order_consumer"),
]
