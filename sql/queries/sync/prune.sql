-- Forget what the sync needs no more after so many days; one row: runs and applied events deleted, parked events and resolved
-- records emptied. Parked events keep their payload longer: an operator may retry them.
-- Also what customers' requests cost more than a day ago.
WITH runs AS (
    DELETE FROM sync.runs WHERE started_at < now() - make_interval(days => %(days)s) AND status <> 'running'
    RETURNING 1
), events AS (
    DELETE FROM sync.inbox WHERE state = 'done' AND applied_at < now() - make_interval(days => %(days)s)
    RETURNING 1
), parked AS (
    UPDATE sync.inbox SET payload = '{}'
     WHERE state = 'parked' AND received_at < now() - make_interval(days => %(parked_days)s) AND payload <> '{}'
    RETURNING 1
), resolved AS (
    UPDATE sync.quarantine SET payload = '{}'
     WHERE resolved_at < now() - make_interval(days => %(days)s) AND payload <> '{}'
    RETURNING 1
), admissions AS (
    DELETE FROM command.admissions WHERE admitted_at < now() - interval '1 day'
)
SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM events), (SELECT count(*) FROM parked),
       (SELECT count(*) FROM resolved)
