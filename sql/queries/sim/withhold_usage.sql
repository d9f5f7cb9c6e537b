-- The days of a line whose traffic was withheld leave the stage as well; nothing is returned.
DELETE FROM pg_temp.stage_sim_usage day
 WHERE NOT EXISTS (SELECT FROM pg_temp.stage_sims answer WHERE answer.id = day.sim_id)
