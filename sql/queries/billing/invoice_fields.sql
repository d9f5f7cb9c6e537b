-- Part of other questions: an invoice's keys and values, for json_build_object.
'id', invoice.id,
'number', invoice.number,
'status', CASE WHEN invoice.status = 'unpaid' AND invoice.due_on < %(today)s::date THEN 'overdue' ELSE invoice.status END,
'issueDate', invoice.issued_on,
'dueDate', invoice.due_on,
'daysOverdue', CASE WHEN invoice.status = 'unpaid' AND invoice.due_on < %(today)s::date
                    THEN %(today)s::date - invoice.due_on END,
'paidAt', invoice.paid_at,
'subtotal', json_build_object('value', trim_scale(invoice.subtotal), 'currency', invoice.currency),
'credit', json_build_object('value', trim_scale(invoice.credit), 'currency', invoice.currency),
'tax', json_build_object('value', trim_scale(invoice.tax + invoice.tax2), 'currency', invoice.currency),
'total', json_build_object('value', trim_scale(invoice.total), 'currency', invoice.currency),
'balance', CASE WHEN invoice.balance IS NOT NULL
                THEN json_build_object('value', trim_scale(invoice.balance), 'currency', invoice.currency) END,
'paymentMethod', invoice.payment_method,
'itemsAsOf', invoice.items_as_of
