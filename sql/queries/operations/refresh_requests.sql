-- How these rows of the inbox stand: how many wait, and why those that failed did (the first reason by name).
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'parked') AS parked,
       min(error) AS error
  FROM sync.inbox
 WHERE id = ANY(%(ids)s)
