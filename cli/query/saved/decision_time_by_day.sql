-- How long it took from a detection until people's answers were read, in minutes, by the day of
-- the detection: of half of them, of nine in ten, and the longest.
WITH waited AS (
  SELECT
    day,
    array_sort(array_agg((to_unixtime(decided_at) - to_unixtime(detected_at)) / 60)) AS minutes
  FROM detections
  WHERE day > date_format(date_add('day', -:days, current_date), '%Y-%m-%d')
    AND decided_at IS NOT NULL
  GROUP BY day
)
SELECT
  day,
  cardinality(minutes) AS answered,
  round(element_at(minutes, CAST(ceiling(cardinality(minutes) * 0.5e0) AS integer)), 2) AS half_within,
  round(element_at(minutes, CAST(ceiling(cardinality(minutes) * 0.9e0) AS integer)), 2) AS nine_tenths_within,
  round(element_at(minutes, cardinality(minutes)), 2) AS longest
FROM waited
ORDER BY day
