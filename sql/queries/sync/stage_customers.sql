-- Stage the customers of the accounts in `scope`, and those that accounts left (`former`); nothing is returned.
-- Name, number and checks come from the CRM; contact and address from billing. Who has no account left is deleted.
-- The number that billing has is no customer's number: customers can write it.
-- Accounts are joined by the customer alone, and told apart afterwards: of a condition besides, the planner thinks where it has
-- no statistics, as in a first load, that it leaves one row, and compares all accounts with all.
INSERT INTO pg_temp.stage_customers (
    id, name, account_number, first_name, last_name, company_name, email, phone, address1, address2, city, state,
    postcode, country, currency, language, status, portal_status, internet_eligibility, internet_eligibility_status,
    identity_status, salesforce_account_id, whmcs_account_id, deleted_at)
SELECT c.id, coalesce(s.name, w.name, known.name),
       CASE WHEN s.id IS NULL AND w.id IS NULL THEN known.account_number ELSE s.account_number END,
       w.first_name, w.last_name, w.company_name, w.email, coalesce(w.phone, s.phone), w.address1, w.address2, w.city,
       w.state, w.postcode, w.country, w.currency, w.language, w.status, s.portal_status, s.internet_eligibility,
       s.internet_eligibility_status, s.identity_status, s.id, w.id,
       CASE WHEN s.id IS NULL AND w.id IS NULL THEN coalesce(known.deleted_at, now()) END
  FROM (SELECT asked.id,
               (array_agg(a) FILTER (WHERE a.source = 'salesforce' AND a.deleted_at IS NULL))[1] AS crm,
               (array_agg(a) FILTER (WHERE a.source = 'whmcs' AND a.deleted_at IS NULL))[1] AS billing
          FROM (SELECT customer_id AS id FROM hub.customer_accounts WHERE id = ANY(%(scope)s)
                UNION SELECT unnest(%(former)s::uuid[])) asked
          LEFT JOIN hub.customer_accounts a ON a.customer_id = asked.id
         GROUP BY asked.id) c
 CROSS JOIN LATERAL (SELECT (c.crm).*) s
 CROSS JOIN LATERAL (SELECT (c.billing).*) w
  LEFT JOIN hub.customers known ON known.id = c.id
 WHERE s.id IS NOT NULL OR w.id IS NOT NULL OR known.id IS NOT NULL
