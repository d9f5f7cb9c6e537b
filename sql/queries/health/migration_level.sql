-- The level the database is at: one text, or no row.
SELECT migration.version_num FROM sync.migration
