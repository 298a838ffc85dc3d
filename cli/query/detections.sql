-- Each detection with the last of its states. A detection has one day: with it among what is
-- partitioned by, a condition on day reaches the files. A day that it left has no outcome of it.
SELECT
  :columns,
  day
FROM (
  SELECT
    *,
    row_number() OVER (PARTITION BY day, detection_id ORDER BY revision DESC) AS newest_first
  FROM detection_states
)
WHERE newest_first = 1 AND outcome IS NOT NULL
