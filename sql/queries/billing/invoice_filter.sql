-- Part of other questions: which invoices a list shows.
invoice.account_id = (SELECT hub.current_account('whmcs'))
AND invoice.deleted_at IS NULL
AND (%(status)s::text IS NULL
     OR CASE WHEN invoice.status = 'unpaid' AND invoice.due_on < %(today)s::date
             THEN 'overdue' ELSE invoice.status END = %(status)s::text)
AND (%(issued_from)s::date IS NULL OR invoice.issued_on >= %(issued_from)s::date)
AND (%(issued_to)s::date IS NULL OR invoice.issued_on <= %(issued_to)s::date)
