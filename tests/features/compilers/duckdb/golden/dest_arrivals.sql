-- events
WITH read AS (
  SELECT "flight_id" AS "flight_id",
    "carrier" AS "carrier",
    "origin" AS "origin",
    "dest" AS "dest",
    "tailnum" AS "tailnum",
    finite(CAST("dep_delay" AS DOUBLE)) AS "dep_delay",
    finite(CAST("arr_delay" AS DOUBLE)) AS "arr_delay",
    floor_to(epoch_us("ts"), 1000) // 1000 AS "ts",
    (floor_to(epoch_us("ts"), 1000) // 1000 NOT BETWEEN -62135596800000 AND 253402300799999) AS _lost,
    filename AS _file,
    file_row_number AS _row
  FROM read_parquet(['history.parquet']) AS history
),
checked AS (
  SELECT *, CASE WHEN _lost THEN 'out of range' WHEN "ts" IS NULL THEN 'missing time' END AS _bad FROM read
  WHERE _lost OR "ts" IS NULL OR ("ts" >= 0 AND "ts" < 2000)
)
SELECT
  "dest" AS "dest",
  "ts" AS _e,
  "flight_id" AS _id,
  "arr_delay" AS _x0,
  TRY_CAST(round_even("arr_delay" * '1e6'::DOUBLE, 0) AS BIGINT) AS _n0,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "dest" IS NULL THEN 'missing key'
    WHEN NOT abs(round_even("arr_delay" * '1e6'::DOUBLE, 0)) < 9007199254740992 THEN 'out of range' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM checked;

-- change points from 1000 to 2000
WITH marks AS (
  SELECT "dest",
      CAST(_e AS BIGINT) AS t,
      CASE WHEN _e + 3600000 >= 1000 THEN 1 ELSE 0 END AS _c_in0,
      CASE WHEN _e + 10800000 >= 1000 THEN 1 ELSE 0 END AS _c_in1,
      CASE WHEN _e + 3600000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in0,
      CASE WHEN _e + 3600000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in0,
      CASE WHEN _e + 10800000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in1,
      CASE WHEN _e + 10800000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in1
    FROM events WHERE _e >= -10799000 AND _e < 2000
  UNION ALL BY NAME
  SELECT "dest",
      CAST(_e + 3600000 AS BIGINT) AS t,
      -(1) AS _c_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in0
    FROM events WHERE _e + 3600000 >= 1000 AND _e + 3600000 < 2000
  UNION ALL BY NAME
  SELECT "dest",
      CAST(_e + 10800000 AS BIGINT) AS t,
      -(1) AS _c_in1,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in1,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in1
    FROM events WHERE _e + 10800000 >= 1000 AND _e + 10800000 < 2000
),
points AS (
  SELECT "dest", t,
    sum(_c_in0) AS _c_in0,
    sum(_c_in1) AS _c_in1,
    sum(_c0_in0) AS _c0_in0,
    sum(_n0_in0) AS _n0_in0,
    sum(_c0_in1) AS _c0_in1,
    sum(_n0_in1) AS _n0_in1
  FROM marks GROUP BY "dest", t
),
running AS (
  SELECT "dest", t,
    coalesce(sum(_c_in0) OVER so_far, 0) AS _c_in0,
    coalesce(sum(_c_in1) OVER so_far, 0) AS _c_in1,
    coalesce(sum(_c0_in0) OVER so_far, 0) AS _c0_in0,
    coalesce(sum(_n0_in0) OVER so_far, 0) AS _n0_in0,
    coalesce(sum(_c0_in1) OVER so_far, 0) AS _c0_in1,
    coalesce(sum(_n0_in1) OVER so_far, 0) AS _n0_in1
  FROM points
  WINDOW so_far AS (PARTITION BY "dest" ORDER BY t ROWS UNBOUNDED PRECEDING)
)
SELECT "dest", t,
  CAST(_c_in0 AS BIGINT) AS "arrivals_1h",
  CAST(_c_in1 AS BIGINT) AS "arrivals_3h",
  _c0_in0 AS _c0_in0,
  _n0_in0 AS _n0_in0,
  _c0_in1 AS _c0_in1,
  _n0_in1 AS _n0_in1
FROM running WHERE t >= 1000
ORDER BY "dest", t;
