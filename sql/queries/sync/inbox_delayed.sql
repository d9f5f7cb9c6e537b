-- Their source does not answer: again after `wait`, without counting it against them. Nothing is returned.
UPDATE sync.inbox SET error = %(error)s, due_at = clock_timestamp() + %(wait)s
 WHERE id = ANY(%(ids)s) AND state = 'waiting' AND received_at <= %(claimed_at)s
