-- Whether so many percent of the day's calls to a system are used; a count older than 5 minutes says nothing.
SELECT EXISTS (SELECT FROM sync.sources
                WHERE system = %(system)s AND quota_at > clock_timestamp() - interval '5 minutes'
                  AND quota_used * 100.0 >= quota_limit * %(percent)s)
