-- Start a run: one row, the position where the last one stopped (null: never) and the database's clock, once we have its lock.
-- Whoever is still marked as running holds no lock any more (we hold it), so it died.
WITH died AS (
    UPDATE sync.runs SET status = 'failed', finished_at = now(), error = 'interrupted'
     WHERE dataset = %(dataset)s AND status = 'running' AND (mode = 'events') = %(is_events)s
), begun AS (
    INSERT INTO sync.runs (id, dataset, system, mode, status, dagster_run_id)
    VALUES (%(id)s, %(dataset)s, %(system)s, %(mode)s, 'running', %(dagster_run_id)s)
)
SELECT (SELECT position FROM sync.cursors WHERE dataset = %(dataset)s), clock_timestamp()
