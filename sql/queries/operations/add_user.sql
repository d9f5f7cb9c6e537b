-- Adds a person, with a password or without one: their id.
INSERT INTO auth.users (id, email, language, password_hash, password_set_at)
VALUES (gen_random_uuid(), %(email)s, %(language)s, %(hashed)s, CASE WHEN %(hashed)s::text IS NOT NULL THEN now() END)
RETURNING id
