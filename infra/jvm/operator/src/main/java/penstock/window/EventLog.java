package penstock.window;

import java.util.stream.IntStream;
import org.apache.flink.api.common.state.MapState;
import penstock.plan.Window;

/**
 * A key's events in time order, in a linked list of chunks, so that a state backend on disk rewrites one chunk per
 * event and never the whole history. An event in order costs one chunk; a late one a walk back from the newest chunk.
 * It has the heads of some windows. In a log of {@link Steps} an entry is the events of a step.
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
    /** Null in a log of events. */
    private final Steps steps;
    /** The heads that stand in it. */
    private final int[] heads;

    private final int full;
    private final Sessions sessions;
    private final Versions versions;
    private KeyState state;
    private KeyState.Chunks list;

    // the chunks touched for this element: a backend on disk would read them anew each time
    private final long[] heldIds = new long[HELD];
    private final Chunk[] held = new Chunk[HELD];
    /** Is it to be written? */
    private final boolean[] changed = new boolean[HELD];
    /** Is it the one that the backend has, so that a change of it needs no writing? */
    private final boolean[] live = new boolean[HELD];

    private int nextHeld;

    /**
     * @param chunks of all logs
     * @param steps null for a log of events
     */
    EventLog(Layout layout, MapState<Long, Chunk> chunks, Steps steps) {
        this.layout = layout;
        this.chunks = chunks;
        this.steps = steps;
        heads = IntStream.range(0, layout.roles.length)
                .filter(h -> layout.isStepped(h) == (steps != null))
                .toArray();
        full = steps != null ? STEPS : CHUNK;
        sessions = new Sessions(layout, this);
        versions = new Versions(layout, this);
    }

    /**
     * Turns to the current key, and to its list of these chunks.
     *
     * @param checkpoints how many have begun
     */
    void open(KeyState keyState, KeyState.Chunks chunkList, long checkpoints) throws Exception {
        state = keyState;
        list = chunkList;
        if (list.checkpoints == checkpoints) {
            holdLive(list.last, list.lastChunk);
            holdLive(list.first, list.firstChunk);
        }
        list.checkpoints = checkpoints;
    }

    private void holdLive(long id, Chunk chunk) throws Exception {
        if (chunk != null) {
            live[hold(id, chunk)] = true;
        }
    }

    /** Writes what changed, and lets the key go. */
    void close() throws Exception {
        list.lastChunk = held(list.last);
        list.firstChunk = list.first == list.last ? null : held(list.first);
        for (int slot = 0; slot < HELD; slot++) {
            release(slot);
        }
        nextHeld = 0;
        state = null;
        list = null;
    }

    private Chunk held(long id) {
        int slot = heldSlot(id);
        return slot < 0 ? null : held[slot];
    }

    private void release(int slot) throws Exception {
        if (changed[slot] && !live[slot]) {
            chunks.put(heldIds[slot], held[slot]);
        }
        held[slot] = null;
        heldIds[slot] = 0;
        changed[slot] = false;
        live[slot] = false;
    }

    private int slot(long id) throws Exception {
        int slot = heldSlot(id);
        return slot < 0 ? hold(id, chunks.get(id)) : slot;
    }

    private int heldSlot(long id) {
        for (int slot = 0; slot < HELD; slot++) {
            if (heldIds[slot] == id) {
                return slot;
            }
        }
        return -1;
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
        long place = list.last;
        while (place != list.first) {
            Chunk chunk = chunk(place);
            if (chunk.compare(0, time, id) <= 0) {
                return place;
            }
            place = chunk.previous;
        }
        return place;
    }

    /** Takes event {@code i} of a chunk in where a window needs it, and moves the heads of the windows that it enters. */
    void insert(Chunk event, int i) throws Exception {
        if (keeps(event.time(i))) {
            take(event, i);
        }
    }

    /** Is an event of this time kept here? */
    boolean keeps(long time) {
        return layout.keeps(heads, time, state);
    }

    private void take(Chunk event, int i) throws Exception {
        if (steps == null) {
            put(event, i);
            return;
        }
        long first = steps.first(event.time(i));
        if (find(first, null) == null) {
            put(steps.entry(first), 0);
        }
        Place step = find(first, null);
        for (Accumulator part : change(step.chunk).steps[step.index]) {
            part.add(event, i);
        }
    }

    /** Puts an entry in its place. */
    private void put(Chunk event, int i) throws Exception {
        long time = event.time(i);
        long place = chunkFor(time, event.id(i));
        if (place == 0) {
            place = append();
        }
        int index = chunk(place).placeAfter(time, event.id(i));
        int size = chunk(place).size;
        if (size >= full && index == size && place == list.last) {
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

    private Chunk newChunk() {
        return steps != null ? Chunk.ofSteps(Chunk.FIRST_ROOM) : new Chunk(layout.columns);
    }

    private long append() throws Exception {
        long id = ++state.chunkIds;
        Chunk chunk = newChunk();
        chunk.previous = list.last;
        if (list.last == 0) {
            list.first = id;
        } else {
            change(list.last).next = id;
        }
        list.last = id;
        changed[hold(id, chunk)] = true;
        return id;
    }

    /** Moves the upper half of a chunk into a new one behind it. */
    private long split(long place, int half) throws Exception {
        long id = ++state.chunkIds;
        Chunk upper = newChunk();
        Chunk lower = change(place);
        lower.moveTail(half, upper);
        upper.previous = place;
        upper.next = lower.next;
        lower.next = id;
        if (upper.next == 0) {
            list.last = id;
        } else {
            change(upper.next).previous = id;
        }
        changed[hold(id, upper)] = true;
        for (int h : heads) {
            Head head = state.heads[h];
            if (head.chunk == place && head.index >= half) {
                head.set(id, head.index - half, head.leave);
            }
        }
        return id;
    }

    private void moveHeads(long time, long place, int index) throws Exception {
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
        if (!back(before)) {
            return true;
        }
        Chunk chunk = chunk(before.chunk);
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
        Chunk chunk = chunk(place);
        return chunk(head.chunk).compare(head.index, chunk.time(index), chunk.id(index)) > 0;
    }

    /** Turns heads back to an event that is in the view again, where they passed it while it was gone. */
    void turnBack(Place place) throws Exception {
        long time = chunk(place.chunk).time(place.index);
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

    /** Forgets what no event can repeat, change or join any more. */
    void forget() throws Exception {
        for (int h : heads) {
            if (!layout.changes(h) && state.heads[h].leave <= state.horizon) {
                forget(h);
            }
        }
        trim();
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

    private void forget(int h) throws Exception {
        if (sessions.hold(h)) {
            sessions.forget(state, h, state.horizon);
        } else {
            pass(h, state.horizon);
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

    private void pass(int h, long now) throws Exception {
        Head head = state.heads[h];
        while (head.leave <= now) {
            advance(h, head, chunk(head.chunk));
        }
    }

    private void advance(int h, Head head, Chunk chunk) throws Exception {
        if (head.index + 1 < chunk.size) {
            head.set(head.chunk, head.index + 1, layout.passes(h, chunk.time(head.index + 1)));
        } else if (chunk.next != 0) {
            head.set(chunk.next, 0, layout.passes(h, chunk(chunk.next).time(0)));
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
                if (window.enter(chunk.time(index)) > now) {
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
        return list.last == 0 ? null : new Place(list.last, chunk(list.last).size - 1);
    }

    /** Turns a place to the event before it; false when there is none. */
    boolean back(Place place) throws Exception {
        if (place.index > 0) {
            place.index--;
            return true;
        }
        if (place.chunk == list.first) {
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

    /** Takes over from the key's log of events what was kept there for the windows of this one. */
    void takeFrom(EventLog events) throws Exception {
        for (int h : heads) {
            state.heads[h].clear();
        }
        long place = events.list.first;
        while (place != 0) {
            Chunk chunk = events.chunk(place);
            for (int i = 0; i < chunk.size; i++) {
                insert(chunk, i);
            }
            place = chunk.next;
        }
        events.trim();
    }

    private void trim() throws Exception {
        while (list.first != 0 && !isHead(list.first) && !isKept(list.first)) {
            long id = list.first;
            int slot = slot(id);
            list.first = held[slot].next;
            changed[slot] = false;
            release(slot);
            chunks.remove(id);
        }
        if (list.first == 0) {
            list.last = 0;
        }
    }

    // what is gone stays known until the clock passes it, wherever the heads are
    private boolean isKept(long id) throws Exception {
        Chunk chunk = chunk(id);
        return keeps(chunk.time(chunk.size - 1));
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
