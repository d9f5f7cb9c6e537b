-- The id that its system has for the case or subscription that a command changes, and what is known of its end.
SELECT source_id, NULL AS opportunity_id, NULL AS next_due_on FROM hub.support_cases WHERE id = %(id)s
UNION ALL
SELECT source_id, opportunity_id, next_due_on FROM hub.subscriptions WHERE id = %(id)s
