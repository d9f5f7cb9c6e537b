-- Which customers the accounts ever belonged to, and from when to when: id, since, until (as text: they may be infinity); a
-- row each, the present included. Before the first change that is kept, an account belonged to whom that change took it from.
SELECT l.former_customer_id AS id, l.changed_at::text AS until,
       coalesce((SELECT max(j.changed_at) FROM sync.link_changes j
                  WHERE j.account_id = l.account_id AND j.customer_id = l.former_customer_id AND j.seq < l.seq),
                '-infinity')::text AS since
  FROM sync.link_changes l
 WHERE l.account_id = ANY(%(accounts)s)
 UNION ALL
SELECT unnest(%(customers)s::uuid[]), 'infinity', '-infinity'
