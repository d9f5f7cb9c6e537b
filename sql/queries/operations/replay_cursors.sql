-- Let the watermarks of a system's data sets stand no later than a moment; the next poll reads on from there.
UPDATE sync.cursors
   SET position = jsonb_set(position, '{watermark}', to_jsonb(%(since)s::text)), updated_at = now()
 WHERE dataset LIKE 'salesforce.%%' AND position ? 'watermark'
   AND (position ->> 'watermark')::timestamptz > %(since)s::timestamptz
