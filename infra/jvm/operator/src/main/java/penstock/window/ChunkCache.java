package penstock.window;

import org.apache.flink.api.common.state.MapState;
import org.jspecify.annotations.Nullable;

/**
 * The chunks of one log that have been looked at for the current element: a backend on disk would read each of them anew
 * every time. What changed is written when the key is let go.
 *
 * <p><b>Live chunks.</b> A backend on the heap hands out the objects that it keeps, and copies of them only while a
 * checkpoint may still read them. So the first and the last chunk of a key are remembered beside the key's state, for as
 * long as no checkpoint has begun: a change of such a chunk is a change of what the backend has. That is a property of
 * Flink's heap backend, of the version that {@code LiveChunksTest} names. {@code -Dpenstock.live-chunks=false} turns it
 * off: then each chunk is looked up and written.
 */
final class ChunkCache {
    /** Chunks held while one element is processed. */
    private static final int HELD = 8;

    private final MapState<Long, Chunk> chunks;
    private final boolean remembers = !"false".equals(System.getProperty("penstock.live-chunks"));
    private final long[] heldIds = new long[HELD];
    private final Chunk[] held = new Chunk[HELD];
    /** Is it to be written? */
    private final boolean[] changed = new boolean[HELD];
    /** Is it the one that the backend has, so that a change of it needs no writing? */
    private final boolean[] live = new boolean[HELD];

    private int nextHeld;

    /** @param chunks of all logs */
    ChunkCache(MapState<Long, Chunk> chunks) {
        this.chunks = chunks;
    }

    /** @param checkpoints how many have begun */
    void open(KeyState.Chunks ends, long checkpoints) throws Exception {
        if (ends.checkpoints == checkpoints) {
            holdLive(ends.last, ends.lastChunk);
            holdLive(ends.first, ends.firstChunk);
        }
        ends.checkpoints = checkpoints;
    }

    private void holdLive(long id, @Nullable Chunk chunk) throws Exception {
        if (chunk != null) {
            live[hold(id, chunk)] = true;
        }
    }

    /** Writes what changed, and lets the key go. */
    void close(KeyState.Chunks ends) throws Exception {
        if (remembers) {
            ends.lastChunk = held(ends.last);
            ends.firstChunk = ends.first == ends.last ? null : held(ends.first);
        }
        for (int slot = 0; slot < HELD; slot++) {
            release(slot);
        }
        nextHeld = 0;
    }

    private @Nullable Chunk held(long id) {
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

    Chunk get(long id) throws Exception {
        return held[slot(id)];
    }

    /** The chunk, which is about to change. */
    Chunk change(long id) throws Exception {
        int slot = slot(id);
        changed[slot] = true;
        return held[slot];
    }

    void add(long id, Chunk chunk) throws Exception {
        changed[hold(id, chunk)] = true;
    }

    void remove(long id) throws Exception {
        int slot = heldSlot(id);
        if (slot >= 0) {
            changed[slot] = false;
            release(slot);
        }
        chunks.remove(id);
    }
}
