-- The customer that this transaction speaks for: an empty text. Anything else was left behind by another request.
SELECT coalesce(current_setting('hub.customer_id', true), '')
