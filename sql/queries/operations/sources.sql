-- How each system is doing: circuit, until when and why it is left alone, quota; what waits and is parked in the inbox.
SELECT s.system, coalesce(o.circuit, 'closed') AS circuit,
       CASE WHEN o.retry_at > now() THEN o.retry_at END AS left_alone_until, o.reason,
       o.quota_used, o.quota_limit, o.quota_at,
       count(i.id) FILTER (WHERE i.state = 'waiting') AS waiting, count(i.id) FILTER (WHERE i.state = 'parked') AS parked,
       min(i.received_at) FILTER (WHERE i.state = 'waiting') AS waiting_since,
       min(i.error) FILTER (WHERE i.state = 'parked') AS parked_reason
  FROM unnest(ARRAY['salesforce', 'whmcs', 'freebit']) s (system)
  LEFT JOIN sync.sources o ON o.system = s.system
  LEFT JOIN sync.inbox i
    ON i.state <> 'done'
   AND CASE WHEN i.source <> 'hub' THEN i.source WHEN i.entity = 'line' THEN 'freebit'
            ELSE split_part(i.entity, '.', 1) END = s.system
 GROUP BY s.system, o.system
 ORDER BY s.system
