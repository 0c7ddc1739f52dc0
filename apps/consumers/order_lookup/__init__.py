"""Look up orders at Sitecore CDP for the form and its panel, and keep what was read for a few minutes."""
