-- Whether the audit is one unbroken chain: the first entry that does not go on from the one before it, or whose hash is not
-- that of its text (null: there is none); how many entries there are; the last one and its hash. With `seq` and `hash`, an
-- entry that somebody kept elsewhere: it must still be there, and the same.
SELECT coalesce(
           (SELECT min(link.seq)
              FROM (SELECT a.seq, row_number() OVER w AS place, a.previous, a.hash,
                           lag(a.hash, 1, decode(repeat('00', 32), 'hex')) OVER w AS before,
                           sha256(a.previous || convert_to(auth.audit_text(a), 'UTF8')) AS computed
                      FROM auth.audit a WINDOW w AS (ORDER BY a.seq)) link
             WHERE link.seq <> link.place OR link.previous <> link.before OR link.hash <> link.computed),
           CASE WHEN %(seq)s::bigint IS NOT NULL
                 AND NOT EXISTS (SELECT FROM auth.audit a
                                  WHERE a.seq = %(seq)s::bigint AND encode(a.hash, 'hex') = %(hash)s::text)
                THEN %(seq)s::bigint END) AS broken,
       (SELECT count(*) FROM auth.audit) AS entries,
       (SELECT max(a.seq) FROM auth.audit a) AS last,
       (SELECT encode(a.hash, 'hex') FROM auth.audit a ORDER BY a.seq DESC LIMIT 1) AS hash
