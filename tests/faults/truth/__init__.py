"""Random orders, pages, lags, twins and other writers, and the truth that no caller of the API can see."""
