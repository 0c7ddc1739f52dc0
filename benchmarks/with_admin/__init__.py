"""The Django admin over the portal's submissions: what a list costs without any work of ours."""
