"""Recipes shipped with motefit, and the catalog that finds them."""
