-- How many messages wait that were tried in vain or should have been sent a minute ago, and how many are dead.
SELECT count(*) FILTER (WHERE state = 'waiting' AND (attempts > 0 AND lease_until IS NULL
                                                     OR due_at < now() - interval '1 minute')) AS waiting,
       count(*) FILTER (WHERE state = 'dead') AS dead
  FROM auth.messages
