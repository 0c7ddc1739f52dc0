"""URL converter for the vendor's references."""

from __future__ import annotations

from django.urls.converters import StringConverter


class ReferenceConverter(StringConverter):
    """A UUID-shaped reference in either case (vendor: references of orders, guests and consumers).

    The case is preserved. Django's own ``uuid`` converter accepts lower case only.
    """

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
