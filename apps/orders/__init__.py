"""Read-only pages of the vendor's orders, guests and order consumers."""
