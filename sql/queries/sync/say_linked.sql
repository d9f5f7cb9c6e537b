-- Write down an operator's word on two accounts; earlier words that it contradicts end. The accounts that those were about.
WITH ended AS (
    UPDATE sync.link_words word SET ended_at = now()
     WHERE word.ended_at IS NULL
       AND ((word.salesforce_id, word.whmcs_id) = (%(salesforce)s, %(whmcs)s)
            OR (%(is_linked)s AND word.is_linked AND (word.salesforce_id = %(salesforce)s OR word.whmcs_id = %(whmcs)s)))
    RETURNING word.salesforce_id, word.whmcs_id
), said AS (
    INSERT INTO sync.link_words (salesforce_id, whmcs_id, is_linked, reason, said_by)
    VALUES (%(salesforce)s, %(whmcs)s, %(is_linked)s, %(reason)s, %(by)s)
)
SELECT a.id FROM ended JOIN hub.customer_accounts a
    ON (a.source, a.source_id) IN (('salesforce', ended.salesforce_id), ('whmcs', ended.whmcs_id))
