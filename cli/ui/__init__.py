"""The Dagster UI behind a guard: who gets in, by which links, and what they may do."""
