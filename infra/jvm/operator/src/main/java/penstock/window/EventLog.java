package penstock.window;

import org.apache.flink.api.common.state.MapState;
import org.jspecify.annotations.Nullable;
import penstock.window.ChunkList.Place;

/**
 * What a key keeps of its events, in the order of their times, for the windows whose heads stand in it. In a log of
 * {@link Steps} an entry is the events of a step.
 */
final class EventLog {
    /** Events in a full chunk. */
    static final int CHUNK = 64;

    /** Steps in a full chunk: each is several times as large as an event. */
    private static final int STEPS = 16;

    /** Null in a log of events. */
    private final @Nullable Steps steps;

    private final ChunkList list;
    private final Heads heads;
    private final Sessions sessions;
    private final Versions versions;
    private KeyState state;

    /**
     * @param chunks of all logs
     * @param steps null for a log of events
     */
    EventLog(Layout layout, MapState<Long, Chunk> chunks, @Nullable Steps steps) {
        this.steps = steps;
        ChunkCache cache = new ChunkCache(chunks);
        list = steps != null
                ? new ChunkList(cache, STEPS, () -> Chunk.ofSteps(Chunk.FIRST_ROOM))
                : new ChunkList(cache, CHUNK, () -> new Chunk(layout.columns));
        sessions = new Sessions(layout, list);
        heads = new Heads(layout, steps, list, sessions);
        versions = new Versions(layout, list, heads);
    }

    /**
     * Turns to the current key, and to its list of these chunks.
     *
     * @param checkpoints how many have begun
     */
    void open(KeyState keyState, KeyState.Chunks ends, long checkpoints) throws Exception {
        state = keyState;
        list.open(keyState, ends, checkpoints);
        heads.open(keyState);
    }

    /** Writes what changed, and lets the key go. */
    void close() throws Exception {
        list.close();
        heads.close();
        state = null;
    }

    /** Where the event with this time and id is; null when there is none. */
    @Nullable Place find(long time, @Nullable String id) throws Exception {
        return list.find(time, id);
    }

    /** Is the event there remembered, and not in the view? */
    boolean isGone(Place place) throws Exception {
        return list.chunk(place.chunk).isGone(place.index);
    }

    /** Puts another version of an event in its place. */
    void replace(Place place, Chunk version) throws Exception {
        versions.replace(state, place, version);
        sessions.changed(state, place);
    }

    /** Is an event of this time kept here? */
    boolean keeps(long time) {
        return heads.keep(time);
    }

    /** Takes event {@code i} of a chunk in where a window needs it. */
    void insert(Chunk event, int i) throws Exception {
        if (!keeps(event.time(i))) {
            return;
        }
        if (steps == null) {
            list.put(event, i, heads);
        } else {
            insertIntoStep(steps, event, i);
        }
    }

    private void insertIntoStep(Steps of, Chunk event, int i) throws Exception {
        long first = of.first(event.time(i));
        Place step = list.find(first, null);
        if (step == null) {
            list.put(of.entry(first), 0, heads);
            step = list.find(first, null);
        }
        for (Accumulator part : list.change(step.chunk).steps[step.index]) {
            part.add(event, i);
        }
    }

    /** Lets events enter and leave all windows up to {@code now}. False when no event that is in the view did. */
    boolean expire(long now) throws Exception {
        return heads.expire(now);
    }

    /** Forgets what no event can repeat, change or join any more. */
    void forget() throws Exception {
        heads.forget();
    }
}
