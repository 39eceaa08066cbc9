-- events
WITH read AS (
  SELECT "flight_id" AS "flight_id",
    "carrier" AS "carrier",
    "origin" AS "origin",
    "dest" AS "dest",
    "tailnum" AS "tailnum",
    finite(CAST("distance" AS DOUBLE)) AS "distance",
    finite(CAST("sched_minutes" AS DOUBLE)) AS "sched_minutes",
    CAST("sched_hour" AS BIGINT) AS "sched_hour",
    finite(CAST("dep_delay" AS DOUBLE)) AS "dep_delay",
    floor_to(epoch_us("ts"), 1000) // 1000 AS "ts",
    (floor_to(epoch_us("ts"), 1000) // 1000 NOT BETWEEN -62135596800000 AND 253402300799999) AS _lost,
    filename AS _file,
    file_row_number AS _row
  FROM read_parquet(['history.parquet']) AS history
),
checked AS (
  SELECT *, CASE WHEN _lost THEN 'out of range' WHEN "ts" IS NULL THEN 'missing time' END AS _bad FROM read
  WHERE _lost OR "ts" IS NULL OR ("ts" >= 0 AND "ts" < 2000)
),
evaluated AS (
  SELECT *,
    "tailnum" IS NULL AS _v0,
    NOT _v0 AS _v1
  FROM checked
)
SELECT
  "tailnum" AS "tailnum",
  "ts" AS _e,
  "flight_id" AS _id,
  "distance" AS _x0,
  TRY_CAST(round_even("distance" * '1e6'::DOUBLE, 0) AS BIGINT) AS _n0,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN NOT coalesce(_v1, FALSE) THEN NULL
    WHEN "tailnum" IS NULL THEN 'missing key'
    WHEN NOT abs(round_even("distance" * '1e6'::DOUBLE, 0)) < 9007199254740992 THEN 'out of range' END AS _error,
  NOT coalesce(_v1, FALSE) AS _out,
  _file AS _file,
  _row AS _row
FROM evaluated;

-- change points from 1000 to 2000
WITH marks AS (
  SELECT "tailnum",
      CAST(_e AS BIGINT) AS t,
      CASE WHEN _e + 86400000 >= 1000 THEN 1 ELSE 0 END AS _c_in0,
      CASE WHEN _e + 86400000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in0,
      CASE WHEN _e + 86400000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in0
    FROM events WHERE _e >= -86399000 AND _e < 2000
  UNION ALL BY NAME
  SELECT "tailnum",
      CAST(_e + 86400000 AS BIGINT) AS t,
      -(1) AS _c_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in0
    FROM events WHERE _e + 86400000 >= 1000 AND _e + 86400000 < 2000
),
points AS (
  SELECT "tailnum", t,
    sum(_c_in0) AS _c_in0,
    sum(_c0_in0) AS _c0_in0,
    sum(_n0_in0) AS _n0_in0
  FROM marks GROUP BY "tailnum", t
),
running AS (
  SELECT "tailnum", t,
    coalesce(sum(_c_in0) OVER so_far, 0) AS _c_in0,
    coalesce(sum(_c0_in0) OVER so_far, 0) AS _c0_in0,
    coalesce(sum(_n0_in0) OVER so_far, 0) AS _n0_in0
  FROM points
  WINDOW so_far AS (PARTITION BY "tailnum" ORDER BY t ROWS UNBOUNDED PRECEDING)
)
SELECT "tailnum", t,
  CAST(_c_in0 AS BIGINT) AS "flights_1d",
  _c0_in0 AS _c0_in0,
  _n0_in0 AS _n0_in0
FROM running WHERE t >= 1000
ORDER BY "tailnum", t;
