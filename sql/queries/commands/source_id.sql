-- The id that its system has for the case or subscription that a command changes.
SELECT source_id, NULL AS opportunity_id FROM hub.support_cases WHERE id = %(id)s
UNION ALL
SELECT source_id, opportunity_id FROM hub.subscriptions WHERE id = %(id)s
