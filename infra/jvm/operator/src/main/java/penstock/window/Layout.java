package penstock.window;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import penstock.json.JsonWriter;
import penstock.number.Moments;
import penstock.plan.Arg;
import penstock.plan.Feature;
import penstock.plan.PlanException;
import penstock.plan.Type;
import penstock.plan.View;
import penstock.plan.Window;

/**
 * What a view's plan says of its state: the heads, the accumulators that features share, and how features are written.
 */
final class Layout {
    private static final Set<String> MULTISETS = Set.of("distinct", "percentile", "top_k");
    private static final Set<String> SHAPES = Set.of("skew", "kurtosis");
    private static final Set<String> SQUARED = Set.of("var", "std", "skew", "kurtosis");
    private static final Set<String> SUMMED = Set.of("sum", "mean", "var", "std");

    final View view;
    final boolean hasId;
    final long lateness;
    final boolean isUnion;
    final boolean hasSession;
    final ChunkColumns columns;
    final Type[] argTypes;
    final Window[] windows;
    /** How steps are kept; null where there are none. */
    final Steps steps;
    /** Per head what it stands for. */
    final Role[] roles;
    /** Per head its window; -1 for {@link Role#IDS}. */
    final int[] headWindows;
    /** Per window the places of its accumulators. */
    final int[][] byWindow;
    /** Per window the places of those that are {@link Accumulator.Refilled}. */
    final int[][] refilled;
    /** Per feature its accumulator's place, how it is written and its name as JSON with a colon. */
    final int[] sources;

    final Accumulator.Emit[] emits;
    /** Per feature how it is written from several accumulators; null where it has one. */
    final Decayed[] decays;

    final byte[][] names;

    /** What a head points at, among the events that are kept. */
    enum Role {
        /** The oldest event that has not yet entered a window that waits. */
        ENTER,
        /** The oldest event that has not yet left a window. */
        LEAVE,
        /** The first event of the oldest session that a late event can still join. */
        CLOSED,
        /** The first event of the session that is open. */
        OPEN,
        /** The oldest event that is remembered so that a repeat is known by its id. */
        IDS
    }

    private final List<Supplier<Accumulator>> makers = new ArrayList<>();
    private final Map<String, Integer> shared = new LinkedHashMap<>();
    /** The sums that keep squares, and those that keep higher powers. */
    private final Set<String> squared;

    private final Set<String> raised;
    /** The multisets that are ordered by count, too. */
    private final Set<String> counted;

    Layout(View view) {
        this.view = view;
        hasId = view.hasIds();
        lateness = view.lateness();
        isUnion = view.isUnion();
        hasSession = view.hasSession();
        argTypes = view.args().stream().map(Arg::type).toArray(Type[]::new);
        columns = new ChunkColumns(view.textArgs());
        windows = view.windows().toArray(Window[]::new);
        steps = Steps.of(view);
        List<Role> headRoles = new ArrayList<>();
        headWindows = headWindows(view, headRoles);
        roles = headRoles.toArray(Role[]::new);
        squared = keysOf(view, SQUARED);
        raised = keysOf(view, SHAPES);
        counted = keysOf(view, Set.of("top_k"));
        int count = view.features().size();
        sources = new int[count];
        emits = new Accumulator.Emit[count];
        decays = new Decayed[count];
        names = new byte[count][];
        List<List<Integer>> places = new ArrayList<>();
        view.windows().forEach(window -> places.add(new ArrayList<>()));
        for (int f = 0; f < count; f++) {
            plan(f, places);
        }
        byWindow = places.stream()
                .map(list -> list.stream().mapToInt(Integer::intValue).toArray())
                .toArray(int[][]::new);
        refilled = Arrays.stream(byWindow).map(this::refilled).toArray(int[][]::new);
    }

    private int[] refilled(int[] places) {
        return Arrays.stream(places)
                .filter(place -> newAccumulator(place) instanceof Accumulator.Refilled)
                .toArray();
    }

    private static int[] headWindows(View view, List<Role> roles) {
        List<Integer> heads = new ArrayList<>();
        for (int w = 0; w < view.windows().size(); w++) {
            for (Role role : rolesOf(view.windows().get(w))) {
                roles.add(role);
                heads.add(w);
            }
        }
        // what sessions remember is enough for ids, too
        if (view.hasLifetime() && view.hasIds() && !view.hasSession()) {
            roles.add(Role.IDS);
            heads.add(-1);
        }
        return heads.stream().mapToInt(Integer::intValue).toArray();
    }

    // an event enters before it leaves
    private static List<Role> rolesOf(Window window) {
        if (window.session()) {
            return List.of(Role.CLOSED, Role.OPEN);
        }
        if (window.lifetime()) {
            return List.of();
        }
        return window.waits() ? List.of(Role.ENTER, Role.LEAVE) : List.of(Role.LEAVE);
    }

    private void plan(int f, List<List<Integer>> places) {
        Feature feature = view.features().get(f);
        if (feature.ages().isEmpty()) {
            sources[f] = source(feature, places);
            emits[f] = emit(feature);
        } else {
            decays[f] = decay(feature, places);
        }
        names[f] = new JsonWriter().raw(f == 0 ? '{' : ',').text(feature.name()).raw(':').toBytes();
    }

    private Decayed decay(Feature feature, List<List<Integer>> places) {
        int[] sums = feature.ages().stream()
                .mapToInt(window -> source(summed(feature, window), places))
                .toArray();
        Moments moments = new Moments(view.args().get(feature.arg()).places());
        return new Decayed(sums, moments, feature.aggregate().equals("decayed_mean"));
    }

    /** The sum over one of the windows that a decayed value goes through. */
    private static Feature summed(Feature decayed, int window) {
        return new Feature(
                decayed.name(),
                "sum",
                decayed.arg(),
                decayed.where(),
                window,
                decayed.type(),
                decayed.by(),
                decayed.parameters(),
                List.of());
    }

    /** The place of its accumulator, which its window has from now on. */
    private int source(Feature feature, List<List<Integer>> places) {
        int before = makers.size();
        int source = source(feature);
        if (makers.size() > before) {
            places.get(feature.window()).add(before);
            if (steps != null && steps.cover(feature.window())) {
                steps.add(before, feature.aggregate(), stepName(feature), makers.get(before));
            }
        }
        return source;
    }

    /** What accumulators over several windows can have one part of a step for. */
    private String stepName(Feature feature) {
        String kind = switch (feature.aggregate()) {
            case "count", "first" -> feature.aggregate();
            case "histogram" -> "histogram " + feature.parameters().edges();
            default -> "sums " + squared.contains(sumsKey(feature)) + raised.contains(sumsKey(feature));
        };
        return kind + " " + feature.arg() + " " + feature.where();
    }

    private int source(Feature feature) {
        boolean kept = !windows[feature.window()].limited();
        long grid = windows[feature.window()].grid();
        Input input = new Input(feature.arg(), feature.where(), feature.arg() < 0 ? Type.INT64 : argTypes[feature.arg()]);
        int k = feature.parameters().k();
        return switch (feature.aggregate()) {
            case "count" -> share("count", feature, () -> new Count(input));
            case "sum", "mean", "var", "std", "skew", "kurtosis" -> sums(feature, input);
            case "min", "max" -> {
                boolean greatest = feature.aggregate().equals("max");
                yield share(
                        feature.aggregate(),
                        feature,
                        () -> kept ? new Single.Best(input, greatest) : new Extreme(input, greatest, grid));
            }
            case "first" -> share("first", feature, () -> new Single.First(input));
            case "last" -> share("last", feature, () -> new Single.Last(input));
            case "distinct", "percentile", "top_k" -> {
                boolean byCount = counted.contains(sumsKey(feature));
                int place = makers.size();
                yield share("multiset", feature, () -> new Multiset(input, place, byCount));
            }
            case "last_k" -> share("last " + k, feature, () -> new Ends.Newest(input, k));
            case "first_k" -> share("first " + k, feature, () -> new Ends.Oldest(input, k));
            case "histogram" -> {
                long[] edges = feature.parameters().edges().stream().mapToLong(Long::longValue).toArray();
                yield share("histogram " + Arrays.toString(edges), feature, () -> new Histogram(input, edges));
            }
            case "argmax", "argmin" -> chosen(feature, input, kept);
            case "latest" -> latest(feature);
            default -> throw new PlanException("aggregate " + feature.aggregate() + " is not carried");
        };
    }

    private int sums(Feature feature, Input input) {
        Arg arg = view.args().get(feature.arg());
        double scale = arg.type() == Type.FLOAT64 ? Double.parseDouble("1e" + arg.places()) : 0;
        boolean squares = squared.contains(sumsKey(feature));
        boolean high = raised.contains(sumsKey(feature));
        return share("sums", feature, () -> new Sums(input, scale, squares, high));
    }

    private static Set<String> keysOf(View view, Set<String> aggregates) {
        return view.features().stream()
                .filter(feature -> aggregates.contains(feature.aggregate()))
                .map(Layout::sumsKey)
                .collect(Collectors.toSet());
    }

    private static String sumsKey(Feature feature) {
        return feature.arg() + " " + feature.where() + " " + feature.window();
    }

    private int chosen(Feature feature, Input input, boolean kept) {
        Input by = new Input(feature.by(), feature.where(), argTypes[feature.by()]);
        boolean greatest = feature.aggregate().equals("argmax");
        return share(
                feature.aggregate() + " " + feature.by(), feature, () -> new Chosen(input, by, greatest, kept));
    }

    private int latest(Feature feature) {
        if (!windows[feature.window()].lifetime()) {
            throw new PlanException("aggregate latest is carried over a lifetime only");
        }
        return share("latest " + feature.window(), () -> new Latest(argTypes));
    }

    private int share(String family, Feature feature, Supplier<Accumulator> maker) {
        return share(family + " " + sumsKey(feature), maker);
    }

    private int share(String name, Supplier<Accumulator> maker) {
        Integer known = shared.putIfAbsent(name, makers.size());
        if (known != null) {
            return known;
        }
        makers.add(maker);
        return makers.size() - 1;
    }

    private Accumulator.Emit emit(Feature feature) {
        Type type = feature.type();
        String aggregate = feature.aggregate();
        Moments moments = SUMMED.contains(aggregate) ? new Moments(view.args().get(feature.arg()).places()) : null;
        return switch (aggregate) {
            case "count" -> Count::emit;
            case "sum" -> Sums.sum(type, moments);
            case "mean" -> Sums.mean(moments);
            case "var" -> Sums.variance(moments, false);
            case "std" -> Sums.variance(moments, true);
            case "skew" -> Sums::skewness;
            case "kurtosis" -> Sums::kurtosis;
            case "min", "max" -> windows[feature.window()].limited() ? Extreme.emit(type) : Single.emit(type);
            case "distinct" -> Multiset::distinct;
            case "percentile" -> Multiset.percentile(type, feature.parameters());
            case "argmax", "argmin" -> Chosen.emit(type);
            case "top_k" -> Multiset.top(type, feature.parameters().k());
            case "last_k" -> Ends.Newest.emit(type);
            case "first_k" -> Ends.Oldest.emit(type);
            case "histogram" -> Histogram::emit;
            case "latest" -> Latest.emit(feature.arg());
            default -> Single.emit(type);
        };
    }

    /** Does an aggregate keep blocks beside the key's state? */
    boolean hasBlocks() {
        return view.features().stream().anyMatch(feature -> MULTISETS.contains(feature.aggregate()));
    }

    /** Does a key have a log of events and one of steps? */
    boolean isMixed() {
        return steps != null && !steps.alone;
    }

    /** Is the head in the log of steps, or in that of events? */
    boolean isStepped(int head) {
        return steps != null && headWindows[head] >= 0 && steps.cover(headWindows[head]);
    }

    /** The state of a key that was never seen. */
    KeyState newState() {
        Head[] heads = new Head[headWindows.length];
        for (int h = 0; h < heads.length; h++) {
            heads[h] = new Head();
        }
        Accumulator[] accumulators = new Accumulator[makers.size()];
        for (int a = 0; a < accumulators.length; a++) {
            accumulators[a] = newAccumulator(a);
        }
        return new KeyState(KeyState.newLogs(isMixed() ? 2 : 1), heads, accumulators);
    }

    /** The accumulator at a place over nothing, after what is there now. */
    Accumulator emptied(Accumulator now, int place) {
        return now.clear() ? now : newAccumulator(place);
    }

    private Accumulator newAccumulator(int place) {
        return makers.get(place).get();
    }

    /** When an event of time {@code e} is behind a head that each event passes at a time of its own. */
    long passes(int head, long e) {
        return switch (roles[head]) {
            case ENTER -> windows[headWindows[head]].enter(e);
            case LEAVE -> windows[headWindows[head]].leave(e);
            case IDS -> e + lateness + 1;
            case CLOSED, OPEN -> throw new IllegalStateException("a session's events pass together");
        };
    }

    /** How far time has gone for a head. What is only remembered waits for the watermark, too. */
    long reached(int head, KeyState state) {
        return changes(head) ? state.clock : state.horizon;
    }

    /** Does the value change when the clock reaches this head's time? */
    boolean changes(int head) {
        return roles[head] != Role.IDS && roles[head] != Role.CLOSED;
    }

    /** Is an event of time {@code e} early enough for the window? */
    boolean takes(int window, long e, long horizon) {
        if (windows[window].limited()) {
            return windows[window].leave(e) > horizon;
        }
        return windows[window].lifetime() && !hasId || isTimely(e, horizon);
    }

    /** May an event of time {@code e} that is not too late count in the window, now or later? */
    boolean enters(int window, long e, KeyState state) {
        return takes(window, e, windows[window].limited() ? state.clock : state.horizon);
    }

    /** Is an event of time {@code e} early enough for what is remembered so long? */
    boolean isTimely(long e, long horizon) {
        // nothing is later than a horizon before all times
        return e >= horizon || horizon - e <= lateness;
    }

    /** Is an event of time {@code e} kept for one of these heads? One with an id is, until no repeat of it can come. */
    boolean keeps(int[] heads, long e, KeyState state) {
        for (int h : heads) {
            boolean kept = switch (roles[h]) {
                case LEAVE -> passes(h, e) > (hasId ? state.horizon : state.clock);
                case CLOSED, IDS -> isTimely(e, state.horizon);
                case ENTER, OPEN -> false;
            };
            if (kept) {
                return true;
            }
        }
        return false;
    }
}
