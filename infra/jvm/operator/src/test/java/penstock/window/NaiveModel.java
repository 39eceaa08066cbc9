package penstock.window;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import penstock.plan.Feature;
import penstock.plan.Op;
import penstock.plan.View;
import penstock.plan.Window;
import penstock.route.Event;

/** The meaning of one key's rows as plain loops over all events, for features of the int64 argument n. */
final class NaiveModel {
    private static final Comparator<Event> ORDER =
            Comparator.<Event>comparingLong(e -> e.time).thenComparingLong(e -> e.bits[0]);

    private record Entered(Event event, boolean[] windows) {
        boolean isIn(int w) {
            return windows[w] && !event.gone;
        }
    }

    private final View view;
    private final List<Entered> entered = new ArrayList<>();
    private long clock = Long.MIN_VALUE;
    private long watermark = Long.MIN_VALUE;
    private long seq;

    NaiveModel(View view) {
        this.view = view;
    }

    private boolean hasId() {
        return view.hasIds();
    }

    private boolean withinLateness(long e, long horizon) {
        return e >= horizon - view.lateness() || horizon == Long.MIN_VALUE;
    }

    private boolean isRemembered(long e) {
        long horizon = Math.min(clock, watermark);
        boolean endless = (view.hasLifetime() || view.hasSession()) && withinLateness(e, horizon);
        return endless || view.windows().stream().anyMatch(window -> window.limited() && window.leave(e) > horizon);
    }

    List<String> event(Event event) {
        for (int i = 0; i < entered.size(); i++) {
            Event old = entered.get(i).event;
            if (event.id != null && old.time == event.time && event.id.equals(old.id) && isRemembered(old.time)) {
                return change(i, event);
            }
        }
        if (event.gone && event.op != Op.DELETE) {
            return List.of();
        }
        long now = Math.max(clock, event.time);
        boolean[] enters = new boolean[view.windows().size()];
        boolean any = false;
        for (int w = 0; w < enters.length; w++) {
            boolean taken = takes(view.windows().get(w), event.time, Math.min(now, watermark));
            enters[w] = taken && (!view.windows().get(w).limited() || view.windows().get(w).leave(event.time) > now);
            any |= taken;
        }
        if (!any) {
            return List.of();
        }
        clock = now;
        entered.add(new Entered(event, enters));
        return List.of(row(event.key));
    }

    /** Another version of an event that is known. */
    private List<String> change(int i, Event event) {
        Entered old = entered.get(i);
        if (event.op == Op.INSERT || event.op == Op.DELETE && old.event.gone) {
            return List.of();
        }
        entered.set(i, new Entered(event, old.windows));
        return List.of(row(event.key));
    }

    private boolean takes(Window window, long e, long horizon) {
        if (window.limited()) {
            return window.leave(e) > horizon;
        }
        return window.lifetime() && !hasId() || withinLateness(e, horizon);
    }

    /** When an event leaves a window that it entered: a session is as long as others follow within its gap. */
    private long leave(int w, long e) {
        Window window = view.windows().get(w);
        long leave = window.leave(e);
        if (window.session()) {
            for (boolean longer = true; longer; ) {
                longer = false;
                for (Entered each : entered) {
                    long other = each.event.time;
                    if (each.isIn(w) && other >= e && other < leave && window.leave(other) > leave) {
                        leave = window.leave(other);
                        longer = true;
                    }
                }
            }
        }
        return leave;
    }

    List<String> watermark(String key, long time) {
        watermark = Math.max(watermark, time);
        TreeSet<Long> due = new TreeSet<>();
        for (Entered each : entered) {
            for (int w = 0; w < each.windows.length; w++) {
                long e = each.event.time;
                for (long change : new long[] {view.windows().get(w).enter(e), leave(w, e)}) {
                    if (each.isIn(w) && change > clock && change <= time) {
                        due.add(change);
                    }
                }
            }
        }
        List<String> rows = new ArrayList<>();
        for (long change : due) {
            clock = change;
            rows.add(row(key));
        }
        return rows;
    }

    private String row(String key) {
        seq++;
        StringBuilder values = new StringBuilder();
        List<List<Event>> inside = new ArrayList<>();
        for (int w = 0; w < view.windows().size(); w++) {
            inside.add(inside(w));
        }
        for (Feature feature : view.features()) {
            String comma = values.isEmpty() ? "" : ",";
            values.append(comma).append('"').append(feature.name()).append("\":").append(value(feature, inside.get(feature.window())));
        }
        return "{\"key\":" + key + ",\"t\":" + clock + ",\"seq\":" + seq + ",\"values\":{" + values + "}}";
    }

    /** The events that are in a window now. */
    private List<Event> inside(int w) {
        List<Event> inside = new ArrayList<>();
        for (Entered each : entered) {
            long e = each.event.time;
            if (each.isIn(w) && view.windows().get(w).enter(e) <= clock && leave(w, e) > clock) {
                inside.add(each.event);
            }
        }
        return inside;
    }

    private String value(Feature feature, List<Event> inside) {
        List<Event> alive = new ArrayList<>();
        for (Event event : inside) {
            boolean where = feature.where() < 0 || (event.wheres & 1) != 0;
            boolean present = feature.arg() < 0 || (event.nulls & 1) == 0;
            if (where && present) {
                alive.add(event);
            }
        }
        return switch (Aggregate.of(feature)) {
            case COUNT -> Integer.toString(alive.size());
            case SUM -> Long.toString(alive.stream().mapToLong(e -> e.bits[0]).sum());
            case DISTINCT -> Long.toString(values(alive).distinct().count());
            case PERCENTILE -> alive.isEmpty()
                    ? "null"
                    : values(alive).sorted().skip((alive.size() + 1) / 2 - 1).findFirst().get().toString();
            case ARGMAX -> text(alive.stream().mapToLong(e -> e.bits[0]).max());
            case ARGMIN -> text(alive.stream().mapToLong(e -> e.bits[0]).min());
            case FIRST_K -> list(alive.stream().sorted(ORDER).limit(2).map(e -> e.bits[0]));
            case LAST_K -> list(alive.stream().sorted(ORDER.reversed()).limit(3).map(e -> e.bits[0]));
            case TOP_K -> top(alive);
            case HISTOGRAM -> list(Stream.of(new long[] {-5, 0}, new long[] {0, 7})
                    .map(bin -> values(alive).filter(n -> bin[0] <= n && n < bin[1]).count()));
            case MIN -> text(alive.stream().mapToLong(e -> e.bits[0]).min());
            case MAX -> text(alive.stream().mapToLong(e -> e.bits[0]).max());
            case FIRST -> ordered(alive, false);
            case LAST -> ordered(alive, true);
            // their arithmetic is not the operator's own: SumsTest has it, and the parity suite all of it
            case MEAN, VAR, STD, SKEW, KURTOSIS, DECAYED_SUM, DECAYED_MEAN -> throw new IllegalArgumentException();
            // of tables alone
            case LATEST -> throw new IllegalArgumentException();
        };
    }

    private static Stream<Long> values(List<Event> alive) {
        return alive.stream().map(e -> e.bits[0]);
    }

    private static String list(Stream<Long> values) {
        return values.map(String::valueOf).collect(Collectors.joining(",", "[", "]"));
    }

    private static String top(List<Event> alive) {
        Map<Long, Long> counts = values(alive).collect(Collectors.groupingBy(n -> n, Collectors.counting()));
        Comparator<Long> order = Comparator.<Long>comparingLong(n -> -counts.get(n)).thenComparing(n -> n);
        return list(counts.keySet().stream().sorted(order).limit(4));
    }

    private static String ordered(List<Event> alive, boolean last) {
        var found = last ? alive.stream().max(ORDER) : alive.stream().min(ORDER);
        return found.map(e -> Long.toString(e.bits[0])).orElse("null");
    }

    private static String text(OptionalLong value) {
        return value.isPresent() ? Long.toString(value.getAsLong()) : "null";
    }
}
