-- Accounts in `scope` that no longer contradict anything leave quarantine; nothing is returned.
UPDATE sync.quarantine q SET resolved_at = now()
  FROM hub.customer_accounts a
 WHERE a.id = ANY(%(scope)s) AND a.link_status <> 'conflict'
   AND q.dataset = 'customer.links' AND q.source_id = a.source || ':' || a.source_id AND q.resolved_at IS NULL
