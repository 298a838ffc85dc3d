-- How many images were detected each day, and what became of them at once.
SELECT
  day,
  count(*) AS detections,
  count_if(outcome = 'confident') AS confident,
  count_if(outcome = 'review') AS review,
  count_if(outcome = 'deferred') AS deferred,
  count_if(outcome = 'rejected') AS rejected,
  count_if(outcome = 'waiting') AS waiting
FROM detections
WHERE day > date_format(date_add('day', -:days, current_date), '%Y-%m-%d')
GROUP BY day
ORDER BY day
