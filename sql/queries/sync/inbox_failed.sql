-- Applying these failed for a reason of their own: again later, and parked after `most` attempts. Nothing is returned.
UPDATE sync.inbox
   SET attempts = attempts + 1, error = %(error)s,
       due_at = clock_timestamp() + least(interval '1 second' * (power(4, attempts) - 1), interval '1 hour'),
       state = CASE WHEN attempts + 1 >= %(most)s THEN 'parked' ELSE state END
 WHERE id = ANY(%(ids)s) AND state = 'waiting' AND received_at <= %(claimed_at)s
