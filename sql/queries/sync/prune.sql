-- Forget runs and applied events older than so many days; one row: how many of each. Also what
-- customers' requests cost more than a day ago.
WITH runs AS (
    DELETE FROM sync.runs WHERE started_at < now() - make_interval(days => %(days)s) AND status <> 'running'
    RETURNING 1
), events AS (
    DELETE FROM sync.inbox WHERE state = 'done' AND applied_at < now() - make_interval(days => %(days)s)
    RETURNING 1
), admissions AS (
    DELETE FROM command.admissions WHERE admitted_at < now() - interval '1 day'
)
SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM events)
