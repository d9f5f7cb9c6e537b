-- How a channel stands; `forget`: its position means nothing any more. Nothing is returned.
INSERT INTO sync.streams AS s (topic, state, error) VALUES (%(topic)s, %(state)s, %(error)s)
ON CONFLICT (topic) DO UPDATE
   SET state = excluded.state, error = excluded.error, updated_at = now(),
       replay_id = CASE WHEN %(forget)s THEN NULL ELSE s.replay_id END
