package penstock.window;

import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import penstock.plan.Window;
import penstock.window.ChunkList.Place;

/** The heads of a key that stand in one of its logs: they move on with time, and let events enter and leave windows. */
final class Heads implements ChunkList.Listener {
    private final Layout layout;
    /** Null in a log of events. */
    private final @Nullable Steps steps;
    private final ChunkList list;
    private final Sessions sessions;
    /** By their places in {@link KeyState#heads}. */
    private final int[] heads;

    private KeyState state;

    Heads(Layout layout, @Nullable Steps steps, ChunkList list, Sessions sessions) {
        this.layout = layout;
        this.steps = steps;
        this.list = list;
        this.sessions = sessions;
        heads = IntStream.range(0, layout.roles.length)
                .filter(h -> layout.isStepped(h) == (steps != null))
                .toArray();
    }

    void open(KeyState keyState) {
        state = keyState;
    }

    void close() {
        state = null;
    }

    /** Is an event of this time kept for one of them? */
    boolean keep(long time) {
        return layout.keeps(heads, time, state);
    }

    @Override
    public void split(long lower, int half, long upper) {
        for (int h : heads) {
            Head head = state.heads[h];
            if (head.chunk == lower && head.index >= half) {
                head.set(upper, head.index - half, head.leave);
            }
        }
    }

    /** Moves the heads of the windows that the event enters. */
    @Override
    public void put(long time, long place, int index) throws Exception {
        for (int h : heads) {
            Head head = state.heads[h];
            long pass = yetToPass(h, time);
            if (pass != Window.NEVER && (head.chunk == 0 || pass <= head.leave && isFirst(h, place, index))) {
                head.set(place, index, pass);
            } else if (head.chunk == place && head.index >= index) {
                head.index++;
            }
        }
        if (layout.hasSession && steps == null) {
            sessions.arrived(state, place, index);
        }
    }

    /** When an event of this time passes a head by itself; {@link Window#NEVER} where it has. */
    private long yetToPass(int h, long time) {
        long pass = sessions.hold(h) ? Window.NEVER : layout.passes(h, time);
        return pass > layout.reached(h, state) ? pass : Window.NEVER;
    }

    /** Comes an event that has just been put in its place, and has yet to pass, before the one at the head? */
    private boolean isFirst(int h, long place, int index) throws Exception {
        Place before = new Place(place, index);
        if (!list.back(before)) {
            return true;
        }
        Chunk chunk = list.chunk(before.chunk);
        if (layout.passes(h, chunk.time(before.index)) <= layout.reached(h, state)) {
            return true;
        }
        // the head is not behind one that is in the view; one that is gone it may have passed before the clock
        return chunk.isGone(before.index) && isBefore(place, index, state.heads[h]);
    }

    /** Comes an event before the one at the head, or is it in the place from which it has pushed that one up? */
    private boolean isBefore(long place, int index, Head head) throws Exception {
        if (head.chunk == place) {
            return index <= head.index;
        }
        Chunk chunk = list.chunk(place);
        return list.chunk(head.chunk).compare(head.index, chunk.time(index), chunk.id(index)) > 0;
    }

    /** Turns heads back to an event that is in the view again, where they passed it while it was gone. */
    void turnBack(Place place) throws Exception {
        long time = list.chunk(place.chunk).time(place.index);
        for (int h : heads) {
            Head head = state.heads[h];
            long pass = yetToPass(h, time);
            boolean passed = pass != Window.NEVER
                    && (head.chunk == 0 || pass <= head.leave && isBefore(place.chunk, place.index, head));
            if (passed) {
                head.set(place.chunk, place.index, pass);
            }
        }
    }

    /**
     * Lets events enter and leave all windows up to {@code now}. False when no event that is in the view did: then the
     * key's clock stays, and heads have passed only events that are gone.
     */
    boolean expire(long now) throws Exception {
        boolean changed = false;
        for (int h : heads) {
            if (layout.changes(h) && state.heads[h].leave <= now) {
                changed |= expire(h, now);
            }
        }
        return changed;
    }

    private boolean expire(int h, long now) throws Exception {
        switch (layout.roles[h]) {
            case ENTER:
                return enter(h, now);
            case LEAVE:
                return leave(h, now);
            case OPEN:
                sessions.close(state, h);
                return true;
            default:
                throw new IllegalStateException("no value changes there");
        }
    }

    private boolean enter(int h, long now) throws Exception {
        Head head = state.heads[h];
        boolean changed = false;
        while (head.leave <= now) {
            Chunk chunk = list.chunk(head.chunk);
            if (!chunk.isGone(head.index)) {
                changed = true;
                for (int place : layout.byWindow[layout.headWindows[h]]) {
                    state.accumulators[place].add(chunk, head.index);
                }
            }
            advance(h, head, chunk);
        }
        return changed;
    }

    private boolean leave(int h, long now) throws Exception {
        Head head = state.heads[h];
        Window window = layout.windows[layout.headWindows[h]];
        int[] places = layout.byWindow[layout.headWindows[h]];
        boolean changed = false;
        while (head.leave <= now) {
            Chunk chunk = list.chunk(head.chunk);
            if (!chunk.isGone(head.index)) {
                changed = true;
                for (int place : places) {
                    remove(state.accumulators[place], place, chunk, head.index);
                }
            }
            advance(h, head, chunk);
        }
        for (int place : layout.refilled[layout.headWindows[h]]) {
            Accumulator.Refilled emptied = (Accumulator.Refilled) state.accumulators[place];
            refill(emptied, place, visit -> list.forEach(head, window, now, visit));
        }
        return changed;
    }

    private void remove(Accumulator from, int place, Chunk chunk, int i) {
        if (steps == null) {
            from.remove(chunk, i);
        } else {
            from.removeStep(steps.part(chunk, i, place), steps.end(chunk.time(i)));
        }
    }

    private void refill(Accumulator.Refilled from, int place, Accumulator.Events left) throws Exception {
        if (steps == null) {
            from.refill(left);
        } else {
            from.refillFromSteps(visit -> left.forEach(
                    (chunk, i) -> visit.step(chunk.time(i), steps.part(chunk, i, place))));
        }
    }

    /** Forgets what no event can repeat, change or join any more. */
    void forget() throws Exception {
        for (int h : heads) {
            if (!layout.changes(h) && state.heads[h].leave <= state.horizon) {
                forget(h);
            }
        }
        trim();
    }

    private void forget(int h) throws Exception {
        if (sessions.hold(h)) {
            sessions.forget(state, h, state.horizon);
        } else {
            pass(h, state.horizon);
        }
    }

    private void pass(int h, long now) throws Exception {
        Head head = state.heads[h];
        while (head.leave <= now) {
            advance(h, head, list.chunk(head.chunk));
        }
    }

    private void advance(int h, Head head, Chunk chunk) throws Exception {
        if (head.index + 1 < chunk.size) {
            head.set(head.chunk, head.index + 1, layout.passes(h, chunk.time(head.index + 1)));
        } else if (chunk.next != 0) {
            head.set(chunk.next, 0, layout.passes(h, list.chunk(chunk.next).time(0)));
        } else {
            head.clear();
        }
    }

    /** Removes the chunks in front of all heads. */
    private void trim() throws Exception {
        while (list.first() != 0 && !isHead(list.first()) && !isKept(list.first())) {
            list.removeFirst();
        }
    }

    // what is gone stays known until the clock passes it, wherever the heads are
    private boolean isKept(long id) throws Exception {
        Chunk chunk = list.chunk(id);
        return keep(chunk.time(chunk.size - 1));
    }

    private boolean isHead(long chunk) {
        for (int h : heads) {
            if (state.heads[h].chunk == chunk) {
                return true;
            }
        }
        return false;
    }
}
