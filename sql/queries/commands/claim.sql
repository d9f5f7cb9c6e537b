-- Take what is due, oldest first, each lane's first only, but none of the kinds that are held back; how long whoever takes it may work unseen is the lease.
WITH next AS (
    SELECT c.id
      FROM command.commands c
     WHERE c.status IN ('accepted', 'running', 'waiting') AND c.due_at <= clock_timestamp()
       AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
       AND c.due_at <= clock_timestamp() - %(overdue)s * interval '1 second'
       AND NOT c.kind = ANY(%(held)s)
       AND NOT EXISTS (SELECT 1 FROM command.commands earlier
                        WHERE earlier.lane = c.lane AND earlier.seq < c.seq
                          AND earlier.status IN ('accepted', 'running', 'waiting', 'dead'))
     ORDER BY c.due_at, c.seq
     LIMIT %(at_most)s
       FOR UPDATE SKIP LOCKED
)
UPDATE command.commands c
   SET status = 'running', waits_for = NULL, claimed_by = %(by)s, claim = c.claim + 1,
       lease_until = clock_timestamp() + %(lease)s * interval '1 second', started_at = coalesce(c.started_at, clock_timestamp())
  FROM next
 WHERE c.id = next.id
RETURNING c.id, c.seq, c.kind, c.account_id, c.subject_kind, c.subject_id, c.lane, c.input, c.attempts, c.deadline_at,
          c.failing, c.request_id, c.accepted_at, c.claim,
          (SELECT o.order_number FROM hub.orders o WHERE o.id = c.subject_id) AS order_number
