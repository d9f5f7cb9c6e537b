"""The way out: JSON over HTTP, each customer's own rows only."""
