-- One support case of the customer with what was said on it, oldest first: one JSON object, or no row.
SELECT json_build_object(
           {support/case_fields},
           'description', opened.description,
           'comments', (SELECT coalesce(json_agg(json_build_object(
                                   'id', said.id,
                                   'body', said.body,
                                   'author', said.author,
                                   'createdAt', said.written_at) ORDER BY said.written_at, said.source_id), '[]')
                          FROM hub.case_comments said
                         WHERE said.case_id = opened.id AND said.account_id = opened.account_id
                           AND said.is_public AND said.deleted_at IS NULL))
  FROM hub.support_cases opened
 WHERE opened.id = %(id)s::uuid
   AND opened.account_id = (SELECT hub.current_account('salesforce'))
   AND opened.deleted_at IS NULL
