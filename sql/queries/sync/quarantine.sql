-- Keep a row that cannot be represented, as it was sent and why not; nothing is returned.
-- The same row again changes nothing, so that a poisoned row of a list is not written with every poll of the list; with
-- `counts` it is counted.
INSERT INTO sync.quarantine (dataset, source_id, payload, reason, mapper_version)
VALUES (%(dataset)s, %(source_id)s, %(payload)s, %(reason)s, %(mapper_version)s)
ON CONFLICT (dataset, source_id) DO UPDATE
   SET payload = excluded.payload, reason = excluded.reason, mapper_version = excluded.mapper_version,
       last_seen_at = now(), resolved_at = NULL,
       times_seen = CASE WHEN %(counts)s AND sync.quarantine.resolved_at IS NOT NULL THEN 1
                         ELSE sync.quarantine.times_seen + 1 END
 WHERE %(counts)s OR sync.quarantine.payload <> excluded.payload OR sync.quarantine.reason <> excluded.reason
    OR sync.quarantine.mapper_version <> excluded.mapper_version OR sync.quarantine.resolved_at IS NOT NULL
