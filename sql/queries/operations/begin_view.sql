-- An operator looks at a customer as a person, who is returned; null: they do not act for it.
SELECT auth.open_view(%(view)s, NULL, %(operator)s, NULL, %(customer)s, %(user)s, %(reason)s,
                      make_interval(mins => %(minutes)s), NULL)
