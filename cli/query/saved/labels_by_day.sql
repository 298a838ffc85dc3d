-- What was decided to be in each day's images, by people or where the model was sure; no label
-- stands for nothing in it. The share is of the day's decided images.
WITH decided AS (
  SELECT
    day,
    detection_id,
    transform(final_labels, said -> said.name) AS names
  FROM detections
  WHERE day > date_format(date_add('day', -:days, current_date), '%Y-%m-%d')
    AND decided_by IS NOT NULL
),
by_day AS (
  SELECT day, count(*) AS images
  FROM decided
  GROUP BY day
),
by_label AS (
  SELECT decided.day, said.label, count(DISTINCT decided.detection_id) AS images
  FROM decided
  LEFT JOIN UNNEST(decided.names) AS said (label) ON TRUE
  GROUP BY decided.day, said.label
)
SELECT
  by_label.day,
  by_label.label,
  by_label.images,
  round(100 * CAST(by_label.images AS double) / by_day.images, 2) AS share_pct
FROM by_label
INNER JOIN by_day ON by_day.day = by_label.day
ORDER BY by_label.day, by_label.images DESC, by_label.label
