"""What Dagster runs: definitions.py says all of it."""
