-- What a SIM line of the customer used: today, and on the last 31 days with traffic, newest first. One JSON object, or no row.
SELECT json_build_object(
           'simId', sim.id,
           'todayUsageKb', sim.today_usage_kb,
           'todayUsageMb', trim_scale(round(sim.today_usage_kb / 1000.0, 3)),
           'isSpeedRestricted', sim.is_speed_restricted,
           'recentDaysUsage', (SELECT coalesce(json_agg(json_build_object(
                                          'date', recent.used_on,
                                          'usageKb', recent.used_kb,
                                          'usageMb', trim_scale(round(recent.used_kb / 1000.0, 3)))
                                      ORDER BY recent.used_on DESC), '[]')
                                 FROM (SELECT day.used_on, day.used_kb
                                         FROM hub.sim_usage day
                                        WHERE day.sim_id = sim.id AND day.deleted_at IS NULL
                                        ORDER BY day.used_on DESC
                                        LIMIT 31) recent),
           'usageAsOf', sim.usage_as_of)
  FROM hub.sims sim
 WHERE sim.id = %(id)s::uuid
   AND sim.account_id = (SELECT hub.current_account('whmcs'))
   AND sim.deleted_at IS NULL
