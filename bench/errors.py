"""What stops a benchmark, said in a line."""


class BenchError(Exception):
    """A tool is missing, or a contestant failed or did not do the whole work."""
