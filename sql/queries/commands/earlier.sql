-- Part of other questions: the customer's command under this key, as JSON; null: there is none.
(SELECT json_build_object('id', earlier.id, 'hash', earlier.request_hash, 'acceptedAt', earlier.accepted_at)
   FROM command.commands earlier
  WHERE earlier.idempotency_key = %(key)s
    AND earlier.account_id IN ((SELECT hub.current_account('salesforce')), (SELECT hub.current_account('whmcs'))))
