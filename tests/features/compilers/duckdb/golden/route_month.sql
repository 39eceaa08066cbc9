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
),
evaluated AS (
  SELECT *,
    finite("dep_delay" - "arr_delay") AS _v0
  FROM checked
)
SELECT
  "origin" AS "origin",
  "dest" AS "dest",
  "ts" AS _e,
  "flight_id" AS _id,
  "arr_delay" AS _x0,
  TRY_CAST(round_even("arr_delay" * '1e6'::DOUBLE, 0) AS BIGINT) AS _n0,
  _v0 AS _x1,
  TRY_CAST(round_even(_v0 * '1e6'::DOUBLE, 0) AS BIGINT) AS _n1,
  CASE WHEN _bad IS NOT NULL THEN _bad
    WHEN "origin" IS NULL OR "dest" IS NULL THEN 'missing key'
    WHEN NOT abs(round_even("arr_delay" * '1e6'::DOUBLE, 0)) < 9007199254740992 OR NOT abs(round_even(_v0 * '1e6'::DOUBLE, 0)) < 9007199254740992 THEN 'out of range' END AS _error,
  FALSE AS _out,
  _file AS _file,
  _row AS _row
FROM evaluated;

-- change points from 1000 to 2000
WITH marks AS (
  SELECT "origin",
      "dest",
      CAST(_e AS BIGINT) AS t,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c0_in0,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END ELSE 0 END AS _n0_in0,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN CAST(_n0 AS HUGEINT) * _n0 // 18446744073709551616 ELSE 0 END ELSE 0 END AS _q0_in0,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x0 IS NOT NULL THEN CAST(_n0 AS HUGEINT) * _n0 % 18446744073709551616 ELSE 0 END ELSE 0 END AS _r0_in0,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x1 IS NOT NULL THEN 1 ELSE 0 END ELSE 0 END AS _c1_in0,
      CASE WHEN ceil_to(_e, 3600000) + 2592000000 >= 1000 THEN CASE WHEN _x1 IS NOT NULL THEN _n1 ELSE 0 END ELSE 0 END AS _n1_in0
    FROM events WHERE _e >= -2595599000 AND _e < 2000
  UNION ALL BY NAME
  SELECT "origin",
      "dest",
      CAST(ceil_to(_e, 3600000) + 2592000000 AS BIGINT) AS t,
      -(CASE WHEN _x0 IS NOT NULL THEN 1 ELSE 0 END) AS _c0_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN _n0 ELSE 0 END) AS _n0_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN CAST(_n0 AS HUGEINT) * _n0 // 18446744073709551616 ELSE 0 END) AS _q0_in0,
      -(CASE WHEN _x0 IS NOT NULL THEN CAST(_n0 AS HUGEINT) * _n0 % 18446744073709551616 ELSE 0 END) AS _r0_in0,
      -(CASE WHEN _x1 IS NOT NULL THEN 1 ELSE 0 END) AS _c1_in0,
      -(CASE WHEN _x1 IS NOT NULL THEN _n1 ELSE 0 END) AS _n1_in0
    FROM events WHERE ceil_to(_e, 3600000) + 2592000000 >= 1000 AND ceil_to(_e, 3600000) + 2592000000 < 2000
),
points AS (
  SELECT "origin", "dest", t,
    sum(_c0_in0) AS _c0_in0,
    sum(_n0_in0) AS _n0_in0,
    sum(_q0_in0) AS _q0_in0,
    sum(_r0_in0) AS _r0_in0,
    sum(_c1_in0) AS _c1_in0,
    sum(_n1_in0) AS _n1_in0
  FROM marks GROUP BY "origin", "dest", t
),
running AS (
  SELECT "origin", "dest", t,
    coalesce(sum(_c0_in0) OVER so_far, 0) AS _c0_in0,
    coalesce(sum(_n0_in0) OVER so_far, 0) AS _n0_in0,
    coalesce(sum(_q0_in0) OVER so_far, 0) AS _q0_in0,
    coalesce(sum(_r0_in0) OVER so_far, 0) AS _r0_in0,
    coalesce(sum(_c1_in0) OVER so_far, 0) AS _c1_in0,
    coalesce(sum(_n1_in0) OVER so_far, 0) AS _n1_in0
  FROM points
  WINDOW so_far AS (PARTITION BY "origin", "dest" ORDER BY t ROWS UNBOUNDED PRECEDING)
)
SELECT "origin", "dest", t,
  _c0_in0 AS _c0_in0,
  _n0_in0 AS _n0_in0,
  _q0_in0 AS _q0_in0,
  _r0_in0 AS _r0_in0,
  _c1_in0 AS _c1_in0,
  _n1_in0 AS _n1_in0
FROM running WHERE t >= 1000
ORDER BY "origin", "dest", t;
