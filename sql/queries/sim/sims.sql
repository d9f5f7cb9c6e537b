-- SIM lines of the customer: JSON, and the key that the next page starts after.
SELECT json_build_object({sim/sim_fields}), sim.id
  FROM hub.sims sim
 WHERE sim.account_id = (SELECT hub.current_account('whmcs'))
   AND sim.deleted_at IS NULL
   AND sim.id > %(after_id)s::uuid
 ORDER BY sim.id
 LIMIT %(rows)s::int
