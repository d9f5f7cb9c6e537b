-- Take what is due, each lane's first only, none of the kinds that are held back, or only of one kind: first one
-- command of each customer, then their second ones; within that, commands that were begun or that a source asks for come
-- before new ones. The lease is how long the taker may work before it must renew it.
WITH due AS (
    SELECT d.id, d.is_new, d.due_at, d.seq,
           row_number() OVER (PARTITION BY d.account_id ORDER BY d.is_new, d.due_at, d.seq) AS nth
      FROM (SELECT c.id, c.account_id, c.due_at, c.seq, c.started_at IS NULL AND c.customer_id IS NOT NULL AS is_new
              FROM command.commands c
             WHERE c.status IN ('accepted', 'running', 'waiting')
               AND c.due_at <= clock_timestamp() - %(overdue)s * interval '1 second'
               AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
               AND NOT c.kind = ANY(%(held)s) AND (%(kind)s::text IS NULL OR c.kind = %(kind)s)
               AND NOT EXISTS (SELECT 1 FROM command.commands earlier
                                WHERE earlier.lane = c.lane AND earlier.seq < c.seq
                                  AND earlier.status IN ('accepted', 'running', 'waiting', 'dead'))) d
), next AS (
    SELECT c.id
      FROM due
      JOIN command.commands c ON c.id = due.id
       -- Once more, of the row as it is locked: another forwarder may have taken it since.
       AND c.status IN ('accepted', 'running', 'waiting') AND c.due_at <= clock_timestamp()
       AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
     ORDER BY due.nth, due.is_new, due.due_at, due.seq
     LIMIT %(at_most)s
       FOR UPDATE OF c SKIP LOCKED
)
UPDATE command.commands c
   SET status = 'running', waits_for = NULL, claimed_by = %(by)s, claim = c.claim + 1,
       lease_until = clock_timestamp() + %(lease)s * interval '1 second', started_at = coalesce(c.started_at, clock_timestamp())
  FROM next
 WHERE c.id = next.id
RETURNING c.id, c.seq, c.kind, c.account_id, c.subject_kind, c.subject_id, c.lane, c.input, c.attempts, c.deadline_at,
          c.failing, c.request_id, c.accepted_at, c.claim, c.customer_id IS NOT NULL AS is_customers,
          (SELECT o.order_number FROM hub.orders o WHERE o.id = c.subject_id) AS order_number
