package penstock.window;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import penstock.plan.Feature;
import penstock.plan.View;
import penstock.plan.Window;

/**
 * How a view keeps events for the windows that they leave on a grid: those between two of its times leave all of these
 * windows together, so they are one entry of the log. It has a part for each accumulator from which they will be
 * subtracted, so that the state grows with the steps and not with the events.
 */
final class Steps {
    /** The windows that events leave by the step. */
    private final Set<Integer> windows;
    /** Are no events kept beside the steps, for another window? */
    final boolean alone;

    private final long grid;
    private final List<Supplier<Accumulator>> makers = new ArrayList<>();
    private final Map<String, Integer> shared = new HashMap<>();
    /** By the accumulator's place its part's. */
    private final Map<Integer, Integer> parts = new HashMap<>();

    private Steps(View view, Set<Integer> windows) {
        this.windows = windows;
        alone = others(view, windows).allMatch(Window::lifetime);
        grid = windows.stream().mapToLong(w -> view.windows().get(w).grid()).reduce(0, Steps::commonDivisor);
    }

    /** Null where the view keeps none. */
    static @Nullable Steps of(View view) {
        // each event of a source with ids must be known again
        Set<Integer> able = view.hasIds() ? Set.of() : able(view);
        long kept = others(view, able).mapToLong(window -> kept(view, window)).max().orElse(0);
        // where events are kept as long for another window, steps would be kept beside them
        Set<Integer> windows = able.stream()
                .filter(w -> view.windows().get(w).reach() > kept)
                .collect(Collectors.toSet());
        return windows.isEmpty() ? null : new Steps(view, windows);
    }

    /** The windows of which a step can stand for its events. */
    private static Set<Integer> able(View view) {
        Set<Integer> uncarried = view.features().stream()
                .filter(feature -> Aggregate.of(feature).family.stepped == Family.Stepped.NEVER)
                .map(Feature::window)
                .collect(Collectors.toSet());
        return IntStream.range(0, view.windows().size())
                .filter(w -> isOnGrid(view.windows().get(w)) && !uncarried.contains(w))
                .boxed()
                .collect(Collectors.toSet());
    }

    private static boolean isOnGrid(Window window) {
        return window.grid() > 0 && !window.waits();
    }

    private static Stream<Window> others(View view, Set<Integer> windows) {
        return IntStream.range(0, view.windows().size())
                .filter(w -> !windows.contains(w))
                .mapToObj(view.windows()::get);
    }

    /** How long a window keeps an event. */
    private static long kept(View view, Window window) {
        return window.reach() + (window.session() ? view.lateness() : 0);
    }

    /** Do events leave this window by the step? */
    boolean cover(int window) {
        return windows.contains(window);
    }

    private static long commonDivisor(long a, long b) {
        return b == 0 ? a : commonDivisor(b, a % b);
    }

    /** An accumulator over one of the windows. {@code name}: what it has in common with those of other windows. */
    void add(int place, Family family, String name, Supplier<Accumulator> maker) {
        if (family.stepped == Family.Stepped.BY_PART) {
            Integer known = shared.putIfAbsent(name, makers.size());
            parts.put(place, known == null ? makers.size() : known);
            if (known == null) {
                makers.add(maker);
            }
        }
    }

    /** The parts of a step without events. */
    Accumulator[] none() {
        return makers.stream().map(Supplier::get).toArray(Accumulator[]::new);
    }

    /** What the entry has for the accumulator at a place; null where that asks for nothing. */
    @Nullable Accumulator part(Chunk chunk, int i, int place) {
        Integer part = parts.get(place);
        return part == null ? null : chunk.steps[i][part];
    }

    /** The entry of an event's step, without the event. */
    Chunk entry(long time) {
        Chunk entry = Chunk.ofSteps(1);
        entry.size = 1;
        entry.setTime(0, first(time));
        entry.steps[0] = none();
        return entry;
    }

    /** The first time of a time's step, by which its entry is known: no event of it is earlier. */
    long first(long time) {
        return end(time) - grid + 1;
    }

    /** The last time of a time's step. */
    long end(long time) {
        return -Math.floorDiv(-time, grid) * grid;
    }
}
