-- What decides what the customer may ask for, and the command that the key already stands for.
SELECT json_build_object('has_address', coalesce(customer.address1, '') <> '' AND coalesce(customer.city, '') <> '',
                         'eligibility_status', customer.internet_eligibility_status),
       {commands/earlier}
  FROM hub.customers customer
