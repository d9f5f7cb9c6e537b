-- Of the numbers that several open lines have, whose is it, as far as the staged answers of the network tell? What proves a
-- line: the network's chip or card is the one that its service is known by; the order that opened the line became its
-- service; or the network's line began within 14 days of its service, and every other service that has the number is older
-- than that (a number given out again). Never that an older service began with the line: the line may have been handed on.
-- It counts where all that is said names one line and no other. Nothing is returned.
WITH rivals AS (
    SELECT answer.id AS answer, answer.network_eid, answer.iccid, answer.relation_code, answer.started_on, line.id, line.account_id,
           line.subscription_id, line.eid, line.serial_number, subscription.registered_on
      FROM pg_temp.stage_sims answer
      JOIN hub.sims line ON line.msisdn = answer.msisdn AND line.is_open AND line.deleted_at IS NULL
                        AND line.number_claim <> 'undisputed'
      LEFT JOIN hub.subscriptions subscription ON subscription.id = line.subscription_id
), named AS (
    SELECT answer, id FROM rivals WHERE eid = network_eid OR upper(serial_number) = upper(iccid)
    UNION
    SELECT answer, rivals.id
      FROM rivals
      JOIN hub.customer_accounts billing ON billing.id = rivals.account_id
      JOIN hub.customer_accounts crm ON crm.customer_id = billing.customer_id AND crm.source = 'salesforce'
      JOIN hub.orders placed ON placed.account_id = crm.id AND placed.source_id = relation_code
      JOIN hub.order_items item ON item.order_id = placed.id AND item.subscription_id = rivals.subscription_id
    UNION
    SELECT answer, id
      FROM rivals
     WHERE started_on BETWEEN registered_on - 14 AND registered_on + 14
       AND (eid = network_eid) IS NOT FALSE
       AND NOT EXISTS (SELECT FROM rivals other
                        WHERE other.answer = rivals.answer AND other.id <> rivals.id
                          AND (other.registered_on < rivals.started_on - 14) IS NOT TRUE)
), proven AS (
    SELECT answer, (array_agg(id))[1] AS owner FROM named GROUP BY answer HAVING count(*) = 1
), verdicts AS (
    SELECT rivals.id, CASE WHEN count(*) = count(owner) AND min(owner::text) = max(owner::text)
                                AND min(owner::text) = rivals.id::text THEN 'proven' ELSE 'disputed' END AS claim
      FROM rivals LEFT JOIN proven USING (answer)
     GROUP BY rivals.id
)
UPDATE hub.sims line SET number_claim = verdicts.claim
  FROM verdicts
 WHERE line.id = verdicts.id AND line.number_claim <> verdicts.claim
