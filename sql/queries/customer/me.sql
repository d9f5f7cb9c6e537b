-- The customer of this session, and who looks as whom (JSON; null: nobody does): one JSON object, or no row.
SELECT json_build_object(
           'id', customer.id,
           'accountNumber', customer.account_number,
           'name', customer.name,
           'firstName', customer.first_name,
           'lastName', customer.last_name,
           'companyName', customer.company_name,
           'email', customer.email,
           'phone', customer.phone,
           'address', json_build_object(
               'address1', customer.address1,
               'address2', customer.address2,
               'city', customer.city,
               'state', customer.state,
               'postcode', customer.postcode,
               'country', customer.country),
           'currency', customer.currency,
           'language', customer.language,
           'status', customer.status,
           'portalStatus', customer.portal_status,
           'internetEligibility', customer.internet_eligibility,
           'internetEligibilityStatus', customer.internet_eligibility_status,
           'identityStatus', customer.identity_status,
           'hasSalesforceAccount', customer.salesforce_account_id IS NOT NULL,
           'hasBillingAccount', customer.whmcs_account_id IS NOT NULL,
           'detailsAsOf', (SELECT account.details_as_of FROM hub.customer_accounts account
                            WHERE account.id = customer.whmcs_account_id),
           'viewedBy', %(viewed_by)s::json,
           'pending', (SELECT coalesce(json_agg(json_build_object({commands/pending_fields}) ORDER BY pending.seq), '[]')
                         FROM command.commands pending
                        WHERE pending.subject_id = customer.id
                          AND pending.status IN ('accepted', 'running', 'waiting', 'dead')))
  FROM hub.customers customer
 WHERE customer.id = (SELECT hub.current_customer())
   AND customer.deleted_at IS NULL
