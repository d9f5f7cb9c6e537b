"""Functions, a trigger and a step of commands get plainer names; objects/functions.sql makes the functions anew.

Processes of before 0.1.0 call them by the old names, and nothing was released before 0.1.0: stop them first.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP TRIGGER IF EXISTS await_numbers_turn ON hub.sims")
    op.execute("DROP FUNCTION IF EXISTS hub.await_numbers_turn(), hub.numbers_turn()")
    # CREATE OR REPLACE cannot rename a parameter: `lasts` is `deadline` now.
    op.execute(
        "DROP FUNCTION IF EXISTS"
        " command.accept(text, text, text, uuid, text, text, text, jsonb, text, interval, uuid, jsonb)"
    )
    # Commands that are under way go on from the steps they took, by name.
    op.execute("UPDATE command.steps SET name = 'wait_for_spacing' WHERE name = 'wait_for_turn'")
