-- Invoices by due date, those without one last: JSON, and the key that the next page starts after.
-- Two branches, because a comparison with null is never true; both read the index in its order, which is why they name
-- the due date in it.
SELECT concat('{', {billing/invoice_fields}, '}'), coalesce(invoice.due_on, 'infinity'::date), invoice.id
  FROM ((SELECT invoice.* FROM {hub.invoices} invoice
          WHERE {billing/invoice_filter}
            AND (invoice.due_on, invoice.id) > (%(after)s::date, %(after_id)s::uuid)
          ORDER BY invoice.due_on, invoice.id
          LIMIT %(rows)s::int)
        UNION ALL
        (SELECT invoice.* FROM {hub.invoices} invoice
          WHERE {billing/invoice_filter}
            AND invoice.due_on IS NULL
            AND invoice.id > CASE WHEN %(after)s::date = 'infinity'::date THEN %(after_id)s::uuid
                                  ELSE '00000000-0000-0000-0000-000000000000'::uuid END
          ORDER BY invoice.due_on, invoice.id
          LIMIT %(rows)s::int)) invoice
 ORDER BY invoice.due_on NULLS LAST, invoice.id
 LIMIT %(rows)s::int
