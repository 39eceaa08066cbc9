package penstock.window;

import penstock.plan.Window;
import penstock.window.ChunkList.Place;
import penstock.window.Layout.Role;

/**
 * The session windows of a key. At most one session of each is open: it ends with the newest event, and its events are
 * in the window's accumulators. Closed ones are kept in the log for as long as a late event can still join them.
 */
final class Sessions {
    private final Layout layout;
    private final ChunkList log;

    Sessions(Layout layout, ChunkList log) {
        this.layout = layout;
        this.log = log;
    }

    /** Is this a session's head? */
    boolean hold(int h) {
        return layout.roles[h] == Role.OPEN || layout.roles[h] == Role.CLOSED;
    }

    /** Takes in the event that has been put at this place of the log. */
    void arrived(KeyState state, long chunk, int index) throws Exception {
        if (log.chunk(chunk).isOutside(index)) {
            return;
        }
        for (int h = 0; h < layout.roles.length; h++) {
            if (layout.roles[h] == Role.CLOSED) {
                remember(state.heads[h], h, new Place(chunk, index));
            } else if (layout.roles[h] == Role.OPEN && !log.chunk(chunk).isGone(index)) {
                join(state, h, new Place(chunk, index));
            }
        }
    }

    /** Makes the open sessions anew after the event at this place has become another one. */
    void changed(KeyState state, Place changed) throws Exception {
        if (log.chunk(changed.chunk).isOutside(changed.index)) {
            return;
        }
        for (int h = 0; h < layout.roles.length; h++) {
            if (layout.roles[h] == Role.OPEN) {
                close(state, h);
                Place newest = log.newest();
                boolean found = newest != null;
                while (found && !takesPart(newest)) {
                    found = log.back(newest);
                }
                if (found) {
                    join(state, h, newest);
                }
            }
        }
    }

    private boolean takesPart(Place place) throws Exception {
        Chunk chunk = log.chunk(place.chunk);
        return !chunk.isOutside(place.index) && !chunk.isGone(place.index);
    }

    private void join(KeyState state, int h, Place place) throws Exception {
        Head head = state.heads[h];
        long gap = window(h).size();
        long time = time(place);
        if (head.chunk == 0) {
            if (time + gap > state.clock) {
                extendBack(state, h, place, time + gap);
            }
        } else {
            long first = log.chunk(head.chunk).time(head.index);
            if (time >= first) {
                add(state, h, place);
                head.leave = Math.max(head.leave, time + gap);
            } else if (first - time < gap) {
                extendBack(state, h, place, head.leave);
            }
        }
    }

    // what came before the event and is joined by it comes into the open session, too
    private void extendBack(KeyState state, int h, Place place, long leave) throws Exception {
        Head head = state.heads[h];
        long first = time(place);
        add(state, h, place);
        head.set(place.chunk, place.index, leave);
        while (log.back(place)) {
            if (!takesPart(place)) {
                continue;
            }
            if (first - time(place) >= window(h).size()) {
                return;
            }
            first = time(place);
            add(state, h, place);
            head.set(place.chunk, place.index, leave);
        }
    }

    private void add(KeyState state, int h, Place place) throws Exception {
        Chunk chunk = log.chunk(place.chunk);
        for (int at : layout.byWindow[layout.headWindows[h]]) {
            state.accumulators[at].add(chunk, place.index);
        }
    }

    /** Ends the open session of a head. */
    void close(KeyState state, int h) {
        for (int at : layout.byWindow[layout.headWindows[h]]) {
            state.accumulators[at] = layout.emptied(state.accumulators[at], at);
        }
        state.heads[h].clear();
    }

    private void remember(Head head, int h, Place place) throws Exception {
        Chunk chunk = log.chunk(place.chunk);
        long time = chunk.time(place.index);
        if (head.chunk == 0 || log.chunk(head.chunk).compare(head.index, time, chunk.id(place.index)) > 0) {
            head.set(place.chunk, place.index, forgottenAt(h, time));
        }
    }

    /** Lets go of the sessions that no event can join any more. */
    void forget(KeyState state, int h, long now) throws Exception {
        Head head = state.heads[h];
        while (head.leave <= now) {
            Place place = new Place(head.chunk, head.index);
            long last = time(place);
            boolean more = log.forward(place);
            // one that is gone may come back, and join what it has joined before
            while (more && (isOutside(place) || time(place) - last < window(h).size())) {
                last = isOutside(place) ? last : time(place);
                more = log.forward(place);
            }
            // until here the head's time was that of the session's first event
            if (forgottenAt(h, last) > now) {
                head.leave = forgottenAt(h, last);
            } else if (more) {
                head.set(place.chunk, place.index, forgottenAt(h, time(place)));
            } else {
                head.clear();
            }
        }
    }

    private boolean isOutside(Place place) throws Exception {
        return log.chunk(place.chunk).isOutside(place.index);
    }

    /** When no event can join a session any more whose last one is of time {@code last}. */
    private long forgottenAt(int h, long last) {
        return last + window(h).size() + layout.lateness;
    }

    private long time(Place place) throws Exception {
        return log.chunk(place.chunk).time(place.index);
    }

    private Window window(int h) {
        return layout.windows[layout.headWindows[h]];
    }
}
