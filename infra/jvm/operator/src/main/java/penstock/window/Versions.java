package penstock.window;

import java.util.HashSet;
import java.util.Set;
import penstock.plan.Window;
import penstock.window.ChunkList.Place;
import penstock.window.Layout.Role;

/** What an update or a delete does to the windows that its event is in. */
final class Versions {
    private final Layout layout;
    private final ChunkList log;
    private final Heads heads;

    Versions(Layout layout, ChunkList log, Heads heads) {
        this.layout = layout;
        this.log = log;
        this.heads = heads;
    }

    /** Puts another version of an event in its place, in the log and in every window but sessions. */
    void replace(KeyState state, Place place, Chunk version) throws Exception {
        Chunk old = log.change(place.chunk);
        version.setWheres(0, version.wheres(0) | old.wheres(place.index) & Chunk.OUTSIDE);
        boolean wasGone = old.isGone(place.index);
        Set<Integer> stale = wasGone ? Set.of() : retract(state, old, place.index);
        old.set(place.index, version, 0);
        if (wasGone && !version.isGone(0)) {
            heads.turnBack(place);
        }
        for (int w = 0; w < layout.windows.length; w++) {
            if (counts(w, version.time(0), state.clock)) {
                for (int at : layout.byWindow[w]) {
                    if (stale.contains(at)) {
                        state.accumulators[at] = layout.emptied(state.accumulators[at], at);
                        addAll(state, w, state.accumulators[at]);
                    } else if (!version.isGone(0)) {
                        state.accumulators[at].add(version, 0);
                    }
                }
            }
        }
    }

    // which accumulators cannot, and have to be made anew
    private Set<Integer> retract(KeyState state, Chunk chunk, int index) {
        Set<Integer> stale = new HashSet<>();
        for (int w = 0; w < layout.windows.length; w++) {
            if (counts(w, chunk.time(index), state.clock)) {
                for (int at : layout.byWindow[w]) {
                    if (!state.accumulators[at].retract(chunk, index)) {
                        stale.add(at);
                    }
                }
            }
        }
        return stale;
    }

    private boolean counts(int w, long time, long now) {
        Window window = layout.windows[w];
        return window.limited() && window.enter(time) <= now && window.leave(time) > now;
    }

    private void addAll(KeyState state, int w, Accumulator accumulator) throws Exception {
        for (int h = 0; h < state.heads.length; h++) {
            if (layout.headWindows[h] == w && layout.roles[h] == Role.LEAVE) {
                log.forEach(state.heads[h], layout.windows[w], state.clock, (chunk, index) -> {
                    accumulator.add(chunk, index);
                    return true;
                });
            }
        }
    }
}
