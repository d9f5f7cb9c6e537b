-- By which methods a person can make their session fresh, with spaces between.
SELECT array_to_string(auth.step_up_methods(%(person)s::uuid), ' ')
