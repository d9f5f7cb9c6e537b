-- Invoices, newest first: JSON, and the key that the next page starts after. The index gives the order.
SELECT concat('{', {billing/invoice_fields}, '}'), invoice.issued_on, invoice.id
  FROM {hub.invoices} invoice
 WHERE {billing/invoice_filter}
   AND (invoice.issued_on, invoice.id) < (%(after)s::date, %(after_id)s::uuid)
 ORDER BY invoice.issued_on DESC, invoice.id DESC
 LIMIT %(rows)s::int
