-- By the model's label: of how many images people are asked, how many they have decided, and how
-- often the model was right about those.
SELECT
  label,
  count(*) AS detections,
  count(human_loop) AS asked,
  round(100 * CAST(count(human_loop) AS double) / count(*), 2) AS asked_pct,
  count_if(decided_by = 'people') AS decided,
  count_if(agreement = 'undecided') AS undecided,
  count_if(model_right) AS model_right,
  round(100 * CAST(count_if(model_right) AS double) / nullif(count(model_right), 0), 2) AS right_pct
FROM detections
WHERE day > date_format(date_add('day', -:days, current_date), '%Y-%m-%d')
  AND version IS NOT NULL
GROUP BY label
ORDER BY detections DESC, label
