-- Store what the customer asks for, once per key: what became of it, the command's id and when it was
-- accepted; where it was not: the limit that is reached, and seconds to wait.
SELECT outcome, id, to_json(accepted_at), refused_by, retry_after
  FROM command.accept(%(kind)s::text, %(system)s::text, %(subject_kind)s::text, %(subject_id)s::uuid, %(lane)s::text,
                      %(key)s::text, %(hash)s::text, %(input)s::jsonb, %(request_id)s::text,
                      make_interval(secs => %(deadline)s::double precision), %(admission)s::uuid,
                      %(limits)s::jsonb)
