"""Stand-alone pages of orders, guests and order consumers as the vendor has them, read only."""
