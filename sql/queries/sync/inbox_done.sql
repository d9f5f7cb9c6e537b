-- These are applied; one that came again after it was claimed goes on waiting. Nothing is returned.
UPDATE sync.inbox SET state = 'done', applied_at = clock_timestamp(), error = NULL
 WHERE id = ANY(%(ids)s) AND state = 'waiting' AND received_at <= %(claimed_at)s
