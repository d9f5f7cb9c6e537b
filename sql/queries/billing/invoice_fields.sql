-- Part of other questions: an invoice's members as texts for concat, to be put between braces. Lists of invoices are what
-- is asked for most, and json_build_object takes half as long again. concat passes over nulls, so what may be null says so.
'"id":"', invoice.id,
'","number":', to_json(invoice.number),
',"status":"', CASE WHEN invoice.status = 'unpaid' AND invoice.due_on < %(today)s::date THEN 'overdue' ELSE invoice.status END,
'","issueDate":"', invoice.issued_on,
'","dueDate":', coalesce('"' || invoice.due_on || '"', 'null'),
',"daysOverdue":', CASE WHEN invoice.status = 'unpaid' AND invoice.due_on < %(today)s::date
                        THEN (%(today)s::date - invoice.due_on)::text ELSE 'null' END,
',"paidAt":', coalesce(to_json(invoice.paid_at)::text, 'null'),
',"subtotal":{"value":', trim_scale(invoice.subtotal), ',"currency":', to_json(invoice.currency),
'},"credit":{"value":', trim_scale(invoice.credit), ',"currency":', to_json(invoice.currency),
'},"tax":{"value":', trim_scale(invoice.tax + invoice.tax2), ',"currency":', to_json(invoice.currency),
'},"total":{"value":', trim_scale(invoice.total), ',"currency":', to_json(invoice.currency),
'},"balance":', CASE WHEN invoice.balance IS NULL THEN 'null'
                     ELSE concat('{"value":', trim_scale(invoice.balance), ',"currency":', to_json(invoice.currency), '}') END,
',"paymentMethod":', coalesce(to_json(invoice.payment_method)::text, 'null'),
',"itemsAsOf":', coalesce(to_json(invoice.items_as_of)::text, 'null')
