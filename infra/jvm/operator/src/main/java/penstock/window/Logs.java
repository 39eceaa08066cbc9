package penstock.window;

import org.apache.flink.api.common.state.MapState;

/**
 * A key's logs: one of events, one of steps, or one of each, so that events are kept only for the windows that need them
 * one by one.
 */
final class Logs {
    /** Those of {@link KeyState#logs}. */
    private final EventLog[] all;

    Logs(Layout layout, MapState<Long, Chunk> chunks) {
        EventLog last = new EventLog(layout, chunks, layout.steps);
        all = layout.isMixed()
                ? new EventLog[] {new EventLog(layout, chunks, null), last}
                : new EventLog[] {last};
    }

    /**
     * Turns to the current key.
     *
     * @param checkpoints how many have begun
     */
    void open(KeyState state, long checkpoints) throws Exception {
        for (int l = 0; l < all.length; l++) {
            all[l].open(state, state.logs[l], checkpoints);
        }
    }

    /** Writes what changed, and lets the key go. */
    void close() throws Exception {
        for (EventLog log : all) {
            log.close();
        }
    }

    /** The log in which events are known again by their ids: where they have any, it is the only one. */
    EventLog ofIds() {
        return all[0];
    }

    /** Takes an event in wherever a window needs it. */
    void insert(Chunk event, int i) throws Exception {
        for (EventLog log : all) {
            log.insert(event, i);
        }
    }

    /** Lets events enter and leave all windows up to {@code now}. False when no event that is in the view did. */
    boolean expire(long now) throws Exception {
        boolean changed = false;
        for (EventLog log : all) {
            changed |= log.expire(now);
        }
        return changed;
    }

    /** Forgets what no event can repeat, change or join any more. */
    void forget() throws Exception {
        for (EventLog log : all) {
            log.forget();
        }
    }
}
