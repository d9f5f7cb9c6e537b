-- Store what the customer asks for, once per key: what became of it, the command's id and when it was accepted.
SELECT outcome, id, to_json(accepted_at)
  FROM command.accept(%(kind)s::text, %(system)s::text, %(subject_kind)s::text, %(subject_id)s::uuid, %(lane)s::text,
                      %(key)s::text, %(hash)s::text, %(input)s::jsonb, %(request_id)s::text,
                      make_interval(secs => %(lasts)s::double precision), %(most_open)s::int)
