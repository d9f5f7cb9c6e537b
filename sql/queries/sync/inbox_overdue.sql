-- The newest of the rows that no worker took for half a minute, and how many there are.
SELECT coalesce(max(id), 0), count(*)
  FROM sync.inbox
 WHERE state = 'waiting' AND due_at < clock_timestamp() - interval '30 seconds'
