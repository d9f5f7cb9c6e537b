-- A hub full of customers: :customers linked pairs of accounts, and :invoices invoices, dealt out in turn as time passes,
-- so that one customer's invoices lie scattered over the table as they do after a sync.
-- Ids come from md5 so that pgbench can name a random customer without a list: md5('customer' || n).
INSERT INTO hub.customers (id, name, account_number, status, salesforce_account_id, whmcs_account_id)
SELECT md5('customer' || n)::uuid, 'Customer ' || n, n::text, 'active', md5('customer' || n)::uuid, md5('client' || n)::uuid
  FROM generate_series(1, %(customers)s::int) n;

INSERT INTO hub.customer_accounts (id, source, source_id, customer_id, link_status, name, status)
SELECT md5('customer' || n)::uuid, 'salesforce', 'account' || n, md5('customer' || n)::uuid, 'linked', 'Customer ' || n, NULL
  FROM generate_series(1, %(customers)s::int) n
UNION ALL
SELECT md5('client' || n)::uuid, 'whmcs', n::text, md5('customer' || n)::uuid, 'linked', 'Customer ' || n, 'active'
  FROM generate_series(1, %(customers)s::int) n;

INSERT INTO hub.invoices (id, source, source_id, account_id, number, status, source_status, issued_on, due_on, paid_at,
                          subtotal, credit, tax, tax2, total, tax_rate, tax_rate2, balance, currency, payment_method,
                          items_as_of, items_due_at)
SELECT md5('invoice' || n)::uuid, 'whmcs', n::text, md5('client' || (n %% %(customers)s::int + 1))::uuid, '2020-' || n,
       CASE WHEN n %% 10 = 0 THEN 'unpaid' ELSE 'paid' END, CASE WHEN n %% 10 = 0 THEN 'Unpaid' ELSE 'Paid' END,
       day, day + 14, CASE WHEN n %% 10 = 0 THEN NULL ELSE day + interval '9 days 3 hours' END,
       3000 + n %% 7000, 0, (3000 + n %% 7000) / 10, 0, (3000 + n %% 7000) + (3000 + n %% 7000) / 10, 10, 0,
       CASE WHEN n %% 10 = 0 THEN 3300 ELSE 0 END, 'JPY', 'stripe', now(), NULL
  FROM (SELECT n, date '2020-01-01' + (n::bigint * 2000 / %(invoices)s::int)::int AS day
          FROM generate_series(1, %(invoices)s::int) n) made;

INSERT INTO sync.freshness (dataset, system, target_seconds, as_of) VALUES ('whmcs.invoices', 'whmcs', 86400, now())
ON CONFLICT (dataset) DO UPDATE SET as_of = excluded.as_of, target_seconds = excluded.target_seconds;
