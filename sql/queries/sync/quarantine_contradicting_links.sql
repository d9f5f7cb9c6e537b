-- Show ops the accounts in `scope` whose cross-references contradict each other; nothing is returned.
INSERT INTO sync.quarantine (dataset, source_id, payload, reason, mapper_version)
SELECT 'customer.links', source || ':' || source_id,
       jsonb_build_object('account_number', account_number, 'partner_key', partner_key),
       'cross-references contradict each other, or several accounts claim one partner', '1'
  FROM hub.customer_accounts
 WHERE id = ANY(%(scope)s) AND link_status = 'conflict'
ON CONFLICT (dataset, source_id) DO UPDATE
   SET payload = excluded.payload, last_seen_at = now(), times_seen = sync.quarantine.times_seen + 1, resolved_at = NULL
 WHERE sync.quarantine.payload <> excluded.payload OR sync.quarantine.resolved_at IS NOT NULL
