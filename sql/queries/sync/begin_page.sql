-- Settings of a transaction that writes a page; they end with it. Nothing of use is returned.
-- synchronous_commit: rows and cursor are one transaction. If the server loses the last of them in a crash, the next run
-- reads those pages again, so no page waits for the disk.
-- enable_...: a merge looks each staged row up in the table by its id. Whatever the table's size or its stale statistics,
-- the cost of a page must follow the page.
SELECT set_config('synchronous_commit', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true)
