"""The migration level that this release needs. Whoever only asks for it need not load Alembic."""

from importlib.resources import files


def head() -> str:
    """The level this release needs: that of the newest migration, whose file begins with it."""
    names = (each.name for each in (files("sql") / "migrations" / "versions").iterdir())
    return max(name.partition("_")[0] for name in names if name[0].isdigit())
