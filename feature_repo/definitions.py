"""Arrivals of flights, predicted at the moment of departure: every feature is written here, once."""

from penstock import Model, Stream, Table, View, coalesce, count, last, lifetime, max, mean, sliding, std, sum

# --- what happens: three topics, each with its history as Parquet -------------------------------------------
departures = Stream(
    "departures", topic="flights.departures", history="departures/*.parquet", time="ts", id="flight_id",
    columns=dict(flight_id="string", carrier="string", origin="string", dest="string", tailnum="string",
                 distance="float64", sched_minutes="float64", sched_hour="int64", dep_delay="float64"),
)  # fmt: skip
arrivals = Stream(
    "arrivals", topic="flights.arrivals", history="arrivals/*.parquet", time="ts", id="flight_id",
    columns=dict(flight_id="string", carrier="string", origin="string", dest="string", tailnum="string",
                 dep_delay="float64", arr_delay="float64"),
)  # fmt: skip
weather = Table(
    "weather", topic="flights.weather", history="weather/*.parquet", time="ts", key="origin",
    columns=dict(origin="string", temp="float64", humid="float64", wind_speed="float64", precip="float64",
                 pressure="float64", visib="float64"),
)  # fmt: skip

# --- what holds for all time ---------------------------------------------------------------------------------
planes = Table(
    "planes", history="planes.parquet", key="tailnum",
    columns=dict(tailnum="string", year="int64", seats="int64", engines="int64", manufacturer="string"),
)  # fmt: skip
airports = Table(
    "airports", history="airports.parquet", key="faa",
    columns=dict(faa="string", lat="float64", lon="float64", alt="float64"),
)  # fmt: skip

# --- what is known at any moment -----------------------------------------------------------------------------
month = sliding("30d", step="1h")
late = departures.dep_delay > 15
made_up = arrivals.dep_delay - arrivals.arr_delay  # minutes won back in the air

origin_traffic = View("origin_traffic", departures, key="origin", features=dict(
    departures=count().over("30m", "3h"),
    delay=mean(departures.dep_delay).over("30m", "3h", month),
    worst=max(departures.dep_delay).over("30m"),
    late=count(where=late).over("3h"),
))  # fmt: skip

dest_arrivals = View("dest_arrivals", arrivals, key="dest", features=dict(
    arrivals=count().over("1h", "3h"),
    delay=mean(arrivals.arr_delay).over("1h", "3h"),
))  # fmt: skip

carrier_month = View("carrier_month", departures, key="carrier", features=dict(
    delay=mean(departures.dep_delay).over("3h", month),
    late=count(where=late).over(month),
    departures=count().over(month),
))  # fmt: skip

route_month = View("route_month", arrivals, key=["origin", "dest"], features=dict(
    delay=mean(arrivals.arr_delay).over(month),
    spread=std(arrivals.arr_delay).over(month),
    made_up=mean(made_up).over(month),
))  # fmt: skip

plane_flown = View("plane_flown", arrivals, key="tailnum", filter=~arrivals.tailnum.is_null(), features=dict(
    last_delay=last(arrivals.arr_delay).over(lifetime()),
))  # fmt: skip

plane_day = View("plane_day", departures, key="tailnum", filter=~departures.tailnum.is_null(), features=dict(
    flights=count().over("1d"),
    miles=sum(departures.distance).over("1d"),
))  # fmt: skip

# --- what is predicted ---------------------------------------------------------------------------------------
known = [
    departures.dep_delay, departures.distance, departures.sched_minutes, departures.sched_hour, departures.carrier,
    origin_traffic, dest_arrivals, carrier_month, route_month, plane_flown, plane_day,
    weather.wind_speed, weather.precip, weather.visib, weather.pressure, planes.year, planes.seats,
    airports.at(faa="dest").lat, airports.at(faa="dest").lon,
]  # fmt: skip
derived = dict(
    origin_trend=origin_traffic.delay_30m - origin_traffic.delay_30d,
    carrier_late_share=carrier_month.late_30d / carrier_month.departures_30d,
    inherited=coalesce(plane_flown.last_delay_lifetime, 0.0) - departures.dep_delay,
)
arrival_delay = Model(  # how many minutes late
    "arrival_delay", on=departures, output="predictions.arrival_delay", label=arrivals.arr_delay,
    inputs=known, derived=derived,
)  # fmt: skip
late_arrival = Model(  # how likely more than half an hour late
    "late_arrival", on=departures, output="predictions.late_arrival", label=arrivals.arr_delay > 30,
    objective="binary", inputs=known, derived=derived,
)  # fmt: skip
