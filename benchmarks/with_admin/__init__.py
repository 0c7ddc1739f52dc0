"""The Django admin over the portal's submissions: the cost of a list without custom code."""
