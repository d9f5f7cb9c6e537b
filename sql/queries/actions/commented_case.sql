-- The id that its system has for the case that a command began to write to, whoever has the case now and though it is gone.
SELECT source_id
  FROM hub.support_cases
 WHERE id = %(id)s
