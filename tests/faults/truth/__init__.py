"""Random orders, pages, lags, twins and other writers, with the truth that no caller of the API can see."""
