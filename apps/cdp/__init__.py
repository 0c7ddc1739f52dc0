"""The vendor's API and nothing else: typed value in, typed value out, typed error otherwise."""
