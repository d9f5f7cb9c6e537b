-- Whether an operator allowed this Dagster run to delete more than the brake lets through: one row, a boolean.
SELECT EXISTS (SELECT FROM sync.deletion_permits WHERE dagster_run_id = %(run)s) AS may_delete
