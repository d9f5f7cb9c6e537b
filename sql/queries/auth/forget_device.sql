-- Ask for a code again on a device: whether there was one.
SELECT forgotten FROM auth.forget_device(%(session)s::uuid, %(which)s::uuid, %(address)s::text)
