-- The ids that source systems have for the customer that an account belongs to, by system: one row.
SELECT coalesce(json_object_agg(source, source_id), '{}') AS ids
  FROM (SELECT mine.source, max(mine.source_id) AS source_id
          FROM hub.customer_accounts given
          JOIN hub.customer_accounts mine ON mine.customer_id = given.customer_id AND mine.deleted_at IS NULL
         WHERE given.id = %(account_id)s
         GROUP BY mine.source) known
