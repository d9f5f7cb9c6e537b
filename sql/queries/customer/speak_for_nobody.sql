-- Whom this transaction speaks for where it should speak for nobody: an empty text, or else something was left behind.
SELECT coalesce(current_setting('hub.customer_id', true), '')
