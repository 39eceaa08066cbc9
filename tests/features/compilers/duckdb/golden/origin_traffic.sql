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
    "dep_delay" > '15.0'::DOUBLE AS _v0
  FROM checked
)
SELECT
  "origin" AS "origin",
  "ts" AS _e,
  "flight_id" AS _id,
  "dep_delay" AS _x0,
  TRY_CAST(round_even("dep_delay" * '1e6'::DOUBLE, 0) AS BIGINT) AS _n0,
  coalesce(_v0, FALSE) AS _w0,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "origin" IS NULL THEN 'missing key'
    WHEN NOT abs(round_even("dep_delay" * '1e6'::DOUBLE, 0)) < 9007199254740992 THEN 'out of range' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM evaluated;

-- change points from 1000 to 2000
WITH marks AS (
  SELECT "origin",
      CAST(_e AS BIGINT) AS t,
      CASE WHEN _e + 1800000 >= 1000 THEN 1 ELSE 0 END AS _c_in0,
      CASE WHEN _e + 10800000 >= 1000 THEN 1 ELSE 0 END AS _c_in1,
      CASE WHEN _e + 1800000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in0,
      CASE WHEN _e + 1800000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in0,
      CASE WHEN _e + 10800000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in1,
      CASE WHEN _e + 10800000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in1,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in2,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in2,
      CASE WHEN _e + 10800000 >= 1000 THEN CASE WHEN _w0 THEN 1 ELSE 0 END ELSE 0 END AS _c_w0_in1,
      _x0 AS _max0_in0
    FROM events WHERE _e >= -2595599000 AND _e < 2000
  UNION ALL BY NAME
  SELECT "origin",
      CAST(_e + 1800000 AS BIGINT) AS t,
      -(1) AS _c_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in0
    FROM events WHERE _e + 1800000 >= 1000 AND _e + 1800000 < 2000
  UNION ALL BY NAME
  SELECT "origin",
      CAST(_e + 10800000 AS BIGINT) AS t,
      -(1) AS _c_in1,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in1,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in1,
      -(CASE WHEN _w0 THEN 1 ELSE 0 END) AS _c_w0_in1
    FROM events WHERE _e + 10800000 >= 1000 AND _e + 10800000 < 2000
  UNION ALL BY NAME
  SELECT "origin",
      CAST(ceil_to(_e, 3600000) + 2592000000 AS BIGINT) AS t,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in2,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in2
    FROM events WHERE ceil_to(_e, 3600000) + 2592000000 >= 1000 AND ceil_to(_e, 3600000) + 2592000000 < 2000
),
points AS (
  SELECT "origin", t,
    sum(_c_in0) AS _c_in0,
    sum(_c_in1) AS _c_in1,
    sum(_c0_in0) AS _c0_in0,
    sum(_n0_in0) AS _n0_in0,
    sum(_c0_in1) AS _c0_in1,
    sum(_n0_in1) AS _n0_in1,
    sum(_c0_in2) AS _c0_in2,
    sum(_n0_in2) AS _n0_in2,
    sum(_c_w0_in1) AS _c_w0_in1,
    max(_max0_in0) AS _max0_in0
  FROM marks GROUP BY "origin", t
),
running AS (
  SELECT "origin", t,
    coalesce(sum(_c_in0) OVER so_far, 0) AS _c_in0,
    coalesce(sum(_c_in1) OVER so_far, 0) AS _c_in1,
    coalesce(sum(_c0_in0) OVER so_far, 0) AS _c0_in0,
    coalesce(sum(_n0_in0) OVER so_far, 0) AS _n0_in0,
    coalesce(sum(_c0_in1) OVER so_far, 0) AS _c0_in1,
    coalesce(sum(_n0_in1) OVER so_far, 0) AS _n0_in1,
    coalesce(sum(_c0_in2) OVER so_far, 0) AS _c0_in2,
    coalesce(sum(_n0_in2) OVER so_far, 0) AS _n0_in2,
    coalesce(sum(_c_w0_in1) OVER so_far, 0) AS _c_w0_in1,
    max(_max0_in0) OVER in0 AS _max0_in0
  FROM points
  WINDOW so_far AS (PARTITION BY "origin" ORDER BY t ROWS UNBOUNDED PRECEDING),
    in0 AS (PARTITION BY "origin" ORDER BY t RANGE BETWEEN 1799999 PRECEDING AND CURRENT ROW)
)
SELECT "origin", t,
  CAST(_c_in0 AS BIGINT) AS "departures_30m",
  CAST(_c_in1 AS BIGINT) AS "departures_3h",
  _c0_in0 AS _c0_in0,
  _n0_in0 AS _n0_in0,
  _c0_in1 AS _c0_in1,
  _n0_in1 AS _n0_in1,
  _c0_in2 AS _c0_in2,
  _n0_in2 AS _n0_in2,
  _max0_in0 AS "worst_30m",
  CAST(_c_w0_in1 AS BIGINT) AS "late_3h"
FROM running WHERE t >= 1000
ORDER BY "origin", t;
