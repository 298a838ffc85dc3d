-- About what each day cost, in US dollars: requests by the list prices of docs/costs.md, and the
-- model's hours as those in which it detected something, one inference unit each. The hours that
-- it started or idled are not in the log; AWS Cost Explorer has what was billed.
SELECT
  day,
  count(*) AS detections,
  count(human_loop) AS asked,
  round(count(*) * 6.87e-6 + count(human_loop) * 31.51e-6, 4) AS requests_usd,
  count(DISTINCT CASE WHEN version IS NOT NULL THEN hour(detected_at) END) AS model_hours,
  round(count(DISTINCT CASE WHEN version IS NOT NULL THEN hour(detected_at) END) * CAST(:unit_hour_usd AS double), 2) AS model_usd
FROM detections
WHERE day > date_format(date_add('day', -:days, current_date), '%Y-%m-%d')
GROUP BY day
ORDER BY day
