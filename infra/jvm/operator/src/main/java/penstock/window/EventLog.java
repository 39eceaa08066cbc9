package penstock.window;

import org.apache.flink.api.common.state.MapState;
import penstock.plan.Window;

/**
 * A key's events in time order, in a linked list of chunks, so that a state backend on disk rewrites one chunk per
 * event and never the whole history. An event in order costs one chunk; a late one a walk back from the newest chunk.
 * Where {@link Steps} can stand for events, an entry is the events of a step.
 */
final class EventLog {
    /** Events in a full chunk. */
    static final int CHUNK = 64;

    /** Steps in a full chunk: each is several times as large as an event. */
    private static final int STEPS = 16;

    /** Chunks held while one element is processed. */
    private static final int HELD = 8;

    private final Layout layout;
    private final MapState<Long, Chunk> chunks;
    private final int full;
    private final Sessions sessions;
    private final Versions versions;
    private KeyState state;

    // the chunks touched for this element: a backend on disk would read them anew each time
    private final long[] heldIds = new long[HELD];
    private final Chunk[] held = new Chunk[HELD];
    private final boolean[] changed = new boolean[HELD];
    private int nextHeld;

    EventLog(Layout layout, MapState<Long, Chunk> chunks) {
        this.layout = layout;
        this.chunks = chunks;
        full = layout.steps != null ? STEPS : CHUNK;
        sessions = new Sessions(layout, this);
        versions = new Versions(layout, this);
    }

    /** Turns to the current key. */
    void open(KeyState keyState) {
        state = keyState;
    }

    /** Writes what changed, and lets the key go. */
    void close() throws Exception {
        for (int slot = 0; slot < HELD; slot++) {
            release(slot);
        }
        nextHeld = 0;
        state = null;
    }

    private void release(int slot) throws Exception {
        if (held[slot] != null && changed[slot]) {
            chunks.put(heldIds[slot], held[slot]);
        }
        held[slot] = null;
        heldIds[slot] = 0;
        changed[slot] = false;
    }

    private int slot(long id) throws Exception {
        for (int slot = 0; slot < HELD; slot++) {
            if (heldIds[slot] == id) {
                return slot;
            }
        }
        return hold(id, chunks.get(id));
    }

    private int hold(long id, Chunk chunk) throws Exception {
        int slot = nextHeld;
        nextHeld = (nextHeld + 1) % HELD;
        release(slot);
        heldIds[slot] = id;
        held[slot] = chunk;
        return slot;
    }

    Chunk chunk(long id) throws Exception {
        return held[slot(id)];
    }

    /** The chunk, which is about to change. */
    Chunk change(long id) throws Exception {
        int slot = slot(id);
        changed[slot] = true;
        return held[slot];
    }

    /** Where the event with this time and id is; null when there is none. */
    Place find(long time, String id) throws Exception {
        long place = chunkFor(time, id);
        if (place == 0) {
            return null;
        }
        Chunk chunk = chunk(place);
        int before = chunk.placeAfter(time, id) - 1;
        return before >= 0 && chunk.compare(before, time, id) == 0 ? new Place(place, before) : null;
    }

    /** Puts another version of an event in its place. */
    void replace(Place place, Chunk version) throws Exception {
        versions.replace(state, place, version);
        sessions.changed(state, place);
    }

    /** The last chunk that does not begin after (time, id), else the first one; 0 when there is none. */
    private long chunkFor(long time, String id) throws Exception {
        long place = state.lastChunk;
        while (place != state.firstChunk) {
            Chunk chunk = chunk(place);
            if (chunk.compare(0, time, id) <= 0) {
                return place;
            }
            place = chunk.previous;
        }
        return place;
    }

    /** Takes event {@code i} of a chunk in, and moves the heads of the windows that it enters. */
    void insert(Chunk event, int i) throws Exception {
        if (layout.steps == null) {
            put(event, i);
            return;
        }
        long first = layout.steps.first(event.times[i]);
        if (find(first, null) == null) {
            put(layout.steps.entry(first), 0);
        }
        Place step = find(first, null);
        for (Accumulator part : change(step.chunk).steps[step.index]) {
            part.add(event, i);
        }
    }

    /** Puts an entry in its place. */
    private void put(Chunk event, int i) throws Exception {
        long time = event.times[i];
        long place = chunkFor(time, event.id(i));
        if (place == 0) {
            place = append();
        }
        int index = chunk(place).placeAfter(time, event.id(i));
        int size = chunk(place).size;
        if (size >= full && index == size && place == state.lastChunk) {
            place = append();
            index = 0;
        } else if (size >= full) {
            int half = size / 2;
            long upper = split(place, half);
            if (index > half) {
                place = upper;
                index -= half;
            }
        }
        change(place).insert(index, event, i);
        moveHeads(time, place, index);
    }

    private long append() throws Exception {
        long id = ++state.chunkIds;
        Chunk chunk = layout.newChunk();
        chunk.previous = state.lastChunk;
        if (state.lastChunk == 0) {
            state.firstChunk = id;
        } else {
            change(state.lastChunk).next = id;
        }
        state.lastChunk = id;
        changed[hold(id, chunk)] = true;
        return id;
    }

    /** Moves the upper half of a chunk into a new one behind it. */
    private long split(long place, int half) throws Exception {
        long id = ++state.chunkIds;
        Chunk upper = layout.newChunk();
        Chunk lower = change(place);
        lower.moveTail(half, upper);
        upper.previous = place;
        upper.next = lower.next;
        lower.next = id;
        if (upper.next == 0) {
            state.lastChunk = id;
        } else {
            change(upper.next).previous = id;
        }
        changed[hold(id, upper)] = true;
        for (Head head : state.heads) {
            if (head.chunk == place && head.index >= half) {
                head.set(id, head.index - half, head.leave);
            }
        }
        return id;
    }

    private void moveHeads(long time, long place, int index) throws Exception {
        for (int h = 0; h < state.heads.length; h++) {
            Head head = state.heads[h];
            long pass = sessions.hold(h) ? Window.NEVER : layout.passes(h, time);
            if (pass != Window.NEVER && pass > state.clock) {
                if (head.chunk == 0 || pass <= head.leave && isFirst(h, place, index)) {
                    head.set(place, index, pass);
                }
            } else if (head.chunk == place && head.index >= index) {
                head.index++;
            }
        }
        if (layout.hasSession) {
            sessions.arrived(state, place, index);
        }
    }

    private boolean isFirst(int h, long place, int index) throws Exception {
        long before;
        if (index > 0) {
            before = chunk(place).times[index - 1];
        } else if (place != state.firstChunk) {
            Chunk chunk = chunk(chunk(place).previous);
            before = chunk.times[chunk.size - 1];
        } else {
            return true;
        }
        return layout.passes(h, before) <= state.clock;
    }

    /**
     * Lets events enter and leave all windows up to {@code now}, and drops chunks that no window reaches any more. False
     * when no event that is in the view did.
     */
    boolean expire(long now) throws Exception {
        boolean moved = false;
        boolean changed = false;
        for (int h = 0; h < state.heads.length; h++) {
            if (state.heads[h].leave <= now) {
                changed |= expire(h, now);
                moved = true;
            }
        }
        if (moved) {
            trim();
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
            case CLOSED:
                sessions.forget(state, h, now);
                return false;
            default:
                pass(h, now);
                return false;
        }
    }

    private boolean enter(int h, long now) throws Exception {
        Head head = state.heads[h];
        boolean changed = false;
        while (head.leave <= now) {
            Chunk chunk = chunk(head.chunk);
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
            Chunk chunk = chunk(head.chunk);
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
            refill(emptied, place, visit -> forEach(head, window, now, visit));
        }
        return changed;
    }

    private void remove(Accumulator from, int place, Chunk chunk, int i) {
        if (layout.steps == null) {
            from.remove(chunk, i);
        } else {
            from.removeStep(layout.steps.part(chunk, i, place), layout.steps.end(chunk.times[i]));
        }
    }

    private void refill(Accumulator.Refilled from, int place, Accumulator.Events left) throws Exception {
        if (layout.steps == null) {
            from.refill(left);
        } else {
            from.refillFromSteps(visit -> left.forEach(
                    (chunk, i) -> visit.step(chunk.times[i], layout.steps.part(chunk, i, place))));
        }
    }

    private void pass(int h, long now) throws Exception {
        Head head = state.heads[h];
        while (head.leave <= now) {
            advance(h, head, chunk(head.chunk));
        }
    }

    private void advance(int h, Head head, Chunk chunk) throws Exception {
        if (head.index + 1 < chunk.size) {
            head.set(head.chunk, head.index + 1, layout.passes(h, chunk.times[head.index + 1]));
        } else if (chunk.next != 0) {
            head.set(chunk.next, 0, layout.passes(h, chunk(chunk.next).times[0]));
        } else {
            head.clear();
        }
    }

    /** Visits the events from a window's head on that have entered it at {@code now}, oldest first. */
    void forEach(Head head, Window window, long now, Accumulator.Visit visit) throws Exception {
        int index = head.index;
        for (long place = head.chunk; place != 0; index = 0) {
            Chunk chunk = chunk(place);
            for (; index < chunk.size; index++) {
                if (window.enter(chunk.times[index]) > now) {
                    return;
                }
                if (!chunk.isGone(index) && !visit.event(chunk, index)) {
                    return;
                }
            }
            place = chunk.next;
        }
    }

    /** The newest event; null when there is none. */
    Place newest() throws Exception {
        return state.lastChunk == 0 ? null : new Place(state.lastChunk, chunk(state.lastChunk).size - 1);
    }

    /** Turns a place to the event before it; false when there is none. */
    boolean back(Place place) throws Exception {
        if (place.index > 0) {
            place.index--;
            return true;
        }
        if (place.chunk == state.firstChunk) {
            return false;
        }
        place.chunk = chunk(place.chunk).previous;
        place.index = chunk(place.chunk).size - 1;
        return true;
    }

    /** Turns a place to the event after it; false when there is none. */
    boolean forward(Place place) throws Exception {
        Chunk chunk = chunk(place.chunk);
        if (place.index + 1 < chunk.size) {
            place.index++;
            return true;
        }
        if (chunk.next == 0) {
            return false;
        }
        place.chunk = chunk.next;
        place.index = 0;
        return true;
    }

    /** Where an event lies. */
    static final class Place {
        long chunk;
        int index;

        Place(long chunk, int index) {
            this.chunk = chunk;
            this.index = index;
        }
    }

    private void trim() throws Exception {
        while (state.firstChunk != 0 && !isHead(state.firstChunk)) {
            long id = state.firstChunk;
            int slot = slot(id);
            state.firstChunk = held[slot].next;
            changed[slot] = false;
            release(slot);
            chunks.remove(id);
        }
        if (state.firstChunk == 0) {
            state.lastChunk = 0;
        }
    }

    private boolean isHead(long chunk) {
        for (Head head : state.heads) {
            if (head.chunk == chunk) {
                return true;
            }
        }
        return false;
    }
}
