-- How often each version was right about sampled images that people have decided, with the 95 %
-- interval (Wilson's).
WITH counted AS (
  SELECT
    version,
    CAST(count(model_right) AS double) AS decided,
    CAST(count_if(model_right) AS double) AS model_right
  FROM detections
  WHERE day > date_format(date_add('day', -:days, current_date), '%Y-%m-%d')
    AND asked_as = 'sampled'
    AND model_right IS NOT NULL
  GROUP BY version
),
shares AS (
  SELECT
    version,
    decided,
    model_right,
    model_right / decided AS share,
    3.841459e0 / decided AS doubt
  FROM counted
)
SELECT
  version,
  CAST(decided AS bigint) AS decided,
  CAST(model_right AS bigint) AS model_right,
  round(100 * share, 2) AS right_pct,
  round(100 * (share + doubt / 2 - sqrt(doubt * (share * (1 - share) + doubt / 4))) / (1 + doubt), 2) AS at_least_pct,
  round(100 * (share + doubt / 2 + sqrt(doubt * (share * (1 - share) + doubt / 4))) / (1 + doubt), 2) AS at_most_pct
FROM shares
ORDER BY version
