-- Entries of the audit, newest first: of one record, or by it, where that is named.
SELECT seq, at, actor, on_behalf_of, action, record, address, details
  FROM auth.audit
 WHERE %(record)s::text IS NULL OR %(record)s::text IN (record, actor, on_behalf_of)
 ORDER BY seq DESC
 LIMIT %(limit)s
