-- Invoices by due date, latest first and those without one before: JSON, and the key that the next page starts after.
-- Two branches, because a comparison with null is never true; both read the index in its order, which is why they name
-- the due date in it.
SELECT concat('{', {billing/invoice_fields}, '}'), coalesce(invoice.due_on, 'infinity'::date), invoice.id
  FROM ((SELECT invoice.* FROM {hub.invoices} invoice
          WHERE {billing/invoice_filter}
            AND invoice.due_on IS NULL
            AND %(after)s::date = 'infinity'::date
            AND invoice.id < %(after_id)s::uuid
          ORDER BY invoice.due_on DESC, invoice.id DESC
          LIMIT %(rows)s::int)
        UNION ALL
        (SELECT invoice.* FROM {hub.invoices} invoice
          WHERE {billing/invoice_filter}
            AND (invoice.due_on, invoice.id) < (%(after)s::date, %(after_id)s::uuid)
          ORDER BY invoice.due_on DESC, invoice.id DESC
          LIMIT %(rows)s::int)) invoice
 ORDER BY invoice.due_on DESC NULLS FIRST, invoice.id DESC
 LIMIT %(rows)s::int
