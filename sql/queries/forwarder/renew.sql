-- Go on holding these claims; how many still are ours.
UPDATE command.commands c
   SET lease_until = clock_timestamp() + %(lease)s * interval '1 second'
  FROM unnest(%(ids)s::uuid[], %(claims)s::bigint[]) AS held (id, claim)
 WHERE c.id = held.id AND c.claim = held.claim AND c.status = 'running'
