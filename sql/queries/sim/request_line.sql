-- When the customer's line was last read at the network (seconds since 1970; null: never), and whether that was so long
-- ago that a refresh is requested. No row: no such line.
SELECT extract(epoch FROM least(sim.details_as_of, sim.usage_as_of)),
       CASE WHEN sim.details_as_of IS NULL OR sim.usage_as_of IS NULL
              OR least(sim.details_as_of, sim.usage_as_of) < now() - %(stale_seconds)s::int * interval '1 second'
            THEN sync.request_line_refresh(sim.id, %(limits)s::jsonb) ELSE false END
  FROM hub.sims sim
 WHERE sim.id = %(id)s::uuid
   AND sim.account_id = (SELECT hub.current_account('whmcs'))
   AND sim.deleted_at IS NULL
