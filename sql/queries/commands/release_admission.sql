-- What was admitted is no longer under way; one row.
SELECT command.release(%(admission)s::uuid)
