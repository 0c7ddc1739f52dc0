"""What an address may hold as a vendor's reference."""

from __future__ import annotations

from django.urls.converters import StringConverter


class ReferenceConverter(StringConverter):
    """A UUID-shaped reference in either case (vendor: references of orders, guests and consumers).

    Kept as written: Django's own ``uuid`` takes lower case only and would hand the vendor another spelling.
    """

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
