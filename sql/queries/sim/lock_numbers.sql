-- Wait until nobody else changes whose number is whose, and let nobody until this transaction ends; nothing is returned.
SELECT hub.lock_numbers()
