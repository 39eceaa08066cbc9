package penstock.window;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.plan.Arg;
import penstock.plan.Feature;
import penstock.plan.Type;
import penstock.plan.View;
import penstock.plan.Window;

/**
 * What a view's plan says of its state: the heads, the accumulators that features share, and how features are written.
 */
final class Layout {
    final View view;
    final boolean hasId;
    final long lateness;
    final boolean isUnion;
    final boolean hasSession;
    final ChunkColumns columns;
    final Type[] argTypes;
    final Window[] windows;
    /** How steps are kept; null where there are none. */
    final @Nullable Steps steps;
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

    final Accumulator.@Nullable Emit[] emits;
    /** Per feature how it is written from several accumulators; null where it has one. */
    final @Nullable Decayed[] decays;

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
    /** By argument, condition and window the aggregates of the features. */
    private final Map<String, Set<Aggregate>> together;

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
        together = view.features().stream()
                .collect(Collectors.groupingBy(Layout::key, Collectors.mapping(Aggregate::of, Collectors.toSet())));
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
        Aggregate aggregate = Aggregate.of(feature);
        Asked asked = asked(feature, feature.window());
        if (aggregate.decays) {
            int[] sums = feature.ages().stream()
                    .mapToInt(window -> source(asked(feature, window), places))
                    .toArray();
            decays[f] = aggregate.emitDecayed(asked, sums);
        } else {
            sources[f] = source(asked, places);
            emits[f] = aggregate.emit(asked);
        }
        names[f] = new JsonWriter().raw(f == 0 ? '{' : ',').text(feature.name()).raw(':').toBytes();
    }

    private Asked asked(Feature feature, int window) {
        Feature over = feature.over(window);
        return new Asked(view, over, together.getOrDefault(key(over), Set.of(Aggregate.of(over))));
    }

    private static String key(Feature feature) {
        return feature.arg() + " " + feature.where() + " " + feature.window();
    }

    /** The place of its accumulator, which its window has from now on. */
    private int source(Asked asked, List<List<Integer>> places) {
        Family family = Aggregate.of(asked.feature()).family;
        int window = asked.feature().window();
        int place = makers.size();
        Integer known = shared.putIfAbsent(family.name(asked) + " over " + window, place);
        if (known != null) {
            return known;
        }
        makers.add(family.maker(asked, place));
        places.get(window).add(place);
        if (steps != null && steps.cover(window)) {
            steps.add(place, family, family.name(asked), makers.get(place));
        }
        return place;
    }

    /** Does an aggregate keep blocks beside the key's state? */
    boolean hasBlocks() {
        return view.features().stream().anyMatch(feature -> Aggregate.of(feature).family.hasBlocks());
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
