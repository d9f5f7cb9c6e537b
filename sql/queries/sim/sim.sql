-- One SIM line of the customer: one JSON object, or no row.
SELECT json_build_object({sim/sim_fields})
  FROM hub.sims sim
 WHERE sim.id = %(id)s::uuid
   AND sim.account_id = (SELECT hub.current_account('whmcs'))
   AND sim.deleted_at IS NULL
