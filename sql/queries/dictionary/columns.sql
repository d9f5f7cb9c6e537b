-- Every column of the hub's schemas with its table's and its own comment: one row per column, in the order of definition.
SELECT n.nspname AS schema, c.relname AS "table", obj_description(c.oid, 'pg_class') AS about,
       a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS optional,
       col_description(c.oid, a.attnum) AS comment
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname IN ('hub', 'sync', 'command') AND c.relkind IN ('r', 'p', 'v', 'm')
   AND c.oid <> 'sync.migration'::regclass -- Alembic's own
 ORDER BY n.nspname, c.relname, a.attnum
