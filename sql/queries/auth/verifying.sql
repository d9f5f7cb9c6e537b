-- The public keys that verify access tokens; for each session of which tokens were called back lately, the epoch below which
-- they are; and the service keys that are good: each as JSON.
SELECT keys, called_back, service_keys
  FROM auth.verifying(make_interval(secs => %(seconds)s::double precision)) CROSS JOIN auth.good_service_keys()
