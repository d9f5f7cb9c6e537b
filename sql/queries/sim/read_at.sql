-- When the customer's line was last read at the network, seconds since 1970; null: never. No row: no such line.
SELECT extract(epoch FROM least(sim.details_as_of, sim.usage_as_of))
  FROM hub.sims sim
 WHERE sim.id = %(id)s::uuid
   AND sim.account_id = (SELECT hub.current_account('whmcs'))
   AND sim.deleted_at IS NULL
