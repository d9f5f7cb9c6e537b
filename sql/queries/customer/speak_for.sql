-- Names the customer of this transaction, for row-level security; then: the customer's id (null: unknown) and `meta`,
-- how old the data sets behind the answer are, as JSON in text (json_build_object takes longer, and writes spaces); one
-- that nobody has begun to read was never read. The list is computed from left to right, so the name is set first.
SELECT set_config('hub.customer_id', %(customer)s, true),
       hub.current_customer(),
       (SELECT concat(
                   '{"asOf":', coalesce(to_json(CASE WHEN bool_and(freshness.as_of IS NOT NULL)
                                                     THEN min(freshness.as_of) END)::text, 'null'),
                   ',"ageSeconds":', coalesce(CASE WHEN bool_and(freshness.as_of IS NOT NULL)
                                                   THEN greatest(0, extract(epoch FROM now() - min(freshness.as_of)))::bigint
                                              END::text, 'null'),
                   ',"stale":', to_json(coalesce(bool_or(freshness.as_of IS NULL
                                     OR freshness.as_of < now() - freshness.target_seconds * interval '1 second'), true)),
                   '}')
          FROM unnest(%(datasets)s::text[]) AS asked (dataset)
          LEFT JOIN sync.freshness ON freshness.dataset = asked.dataset)
