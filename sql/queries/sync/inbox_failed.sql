-- Applying these failed for a reason of their own: again later, and parked after `most` attempts. If it may be that nobody
-- answers (`unanswered`), not before their source has answered somebody else since they came; never, if it refuses every
-- record of their kind (`all_alike`): once it does no longer, nobody need ask for them. Until then one that comes alone asks
-- for all of its kind that failed before, which wait as long as it does. Nothing is returned.
WITH failed AS (
    UPDATE sync.inbox
       SET attempts = attempts + 1, error = %(error)s,
           due_at = statement_timestamp()
                    + least(interval '1 second' * (power(4, least(attempts, 9)) - 1), interval '1 hour'),
           state = CASE WHEN attempts + 1 >= %(most)s
                         AND NOT %(all_alike)s
                         AND (NOT %(unanswered)s OR EXISTS (
                                 SELECT FROM sync.sources s WHERE s.system = %(system)s AND s.answered_at > received_at))
                        THEN 'parked' ELSE state END
     WHERE id = ANY(%(ids)s) AND state = 'waiting' AND received_at <= %(claimed_at)s
    RETURNING source, entity, due_at
)
UPDATE sync.inbox waiting
   SET due_at = failed.due_at
  FROM failed
 WHERE %(all_alike)s AND cardinality(%(ids)s) = 1
   AND (waiting.source, waiting.entity) = (failed.source, failed.entity)
   AND waiting.id <> ALL(%(ids)s) AND waiting.state = 'waiting' AND waiting.attempts > 0
   AND waiting.due_at < failed.due_at
