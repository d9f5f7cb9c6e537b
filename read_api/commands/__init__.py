"""Commands: what customers ask for, and what becomes of it."""
