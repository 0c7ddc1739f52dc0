"""The client of the vendor's API. Each method takes and returns typed values, or raises a typed error."""
