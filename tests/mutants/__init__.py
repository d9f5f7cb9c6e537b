"""Planted bugs: what the tests notice of them."""
