package penstock.window;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import penstock.plan.Window;

/**
 * A key's entries in the order (time, id), in a linked list of chunks: a backend on disk rewrites one chunk per event and
 * never the whole history. An event in order costs one chunk; a late one a walk back from the newest chunk.
 */
final class ChunkList {
    private final ChunkCache cache;
    private final Supplier<Chunk> maker;
    /** Entries of a full chunk. */
    private final int full;

    private KeyState state;
    private KeyState.Chunks ends;

    ChunkList(ChunkCache cache, int full, Supplier<Chunk> maker) {
        this.cache = cache;
        this.full = full;
        this.maker = maker;
    }

    /** Told where entries come to lie. */
    interface Listener {
        /** An entry has been put in its place, and those behind it in the chunk have moved up. */
        void put(long time, long chunk, int index) throws Exception;

        /** The entries of a chunk from {@code half} on have become another chunk. */
        void split(long lower, int half, long upper);
    }

    /** Where an entry lies. */
    static final class Place {
        long chunk;
        int index;

        Place(long chunk, int index) {
            this.chunk = chunk;
            this.index = index;
        }
    }

    /** @param checkpoints how many have begun */
    void open(KeyState keyState, KeyState.Chunks chunkEnds, long checkpoints) throws Exception {
        state = keyState;
        ends = chunkEnds;
        cache.open(ends, checkpoints);
    }

    /** Writes what changed, and lets the key go. */
    void close() throws Exception {
        cache.close(ends);
        state = null;
        ends = null;
    }

    Chunk chunk(long id) throws Exception {
        return cache.get(id);
    }

    /** The chunk, which is about to change. */
    Chunk change(long id) throws Exception {
        return cache.change(id);
    }

    /** The first chunk; 0 when there is none. */
    long first() {
        return ends.first;
    }

    /** Where the entry with this time and id is; null when there is none. */
    @Nullable Place find(long time, @Nullable String id) throws Exception {
        long place = chunkFor(time, id);
        if (place == 0) {
            return null;
        }
        Chunk chunk = chunk(place);
        int before = chunk.placeAfter(time, id) - 1;
        return before >= 0 && chunk.compare(before, time, id) == 0 ? new Place(place, before) : null;
    }

    /** The last chunk that does not begin after (time, id), else the first one; 0 when there is none. */
    private long chunkFor(long time, @Nullable String id) throws Exception {
        long place = ends.last;
        while (place != ends.first) {
            Chunk chunk = chunk(place);
            if (chunk.compare(0, time, id) <= 0) {
                return place;
            }
            place = chunk.previous;
        }
        return place;
    }

    /** Puts entry {@code i} of another chunk in its place. */
    void put(Chunk entry, int i, Listener listener) throws Exception {
        long time = entry.time(i);
        long place = chunkFor(time, entry.id(i));
        if (place == 0) {
            place = append();
        }
        int index = chunk(place).placeAfter(time, entry.id(i));
        int size = chunk(place).size;
        if (size >= full && index == size && place == ends.last) {
            place = append();
            index = 0;
        } else if (size >= full) {
            int half = size / 2;
            long upper = split(place, half);
            listener.split(place, half, upper);
            if (index > half) {
                place = upper;
                index -= half;
            }
        }
        change(place).insert(index, entry, i);
        listener.put(time, place, index);
    }

    private long append() throws Exception {
        long id = ++state.chunkIds;
        Chunk chunk = maker.get();
        chunk.previous = ends.last;
        if (ends.last == 0) {
            ends.first = id;
        } else {
            change(ends.last).next = id;
        }
        ends.last = id;
        cache.add(id, chunk);
        return id;
    }

    /** Moves the upper half of a chunk into a new one behind it. */
    private long split(long place, int half) throws Exception {
        long id = ++state.chunkIds;
        Chunk upper = maker.get();
        Chunk lower = change(place);
        lower.moveTail(half, upper);
        upper.previous = place;
        upper.next = lower.next;
        lower.next = id;
        if (upper.next == 0) {
            ends.last = id;
        } else {
            change(upper.next).previous = id;
        }
        cache.add(id, upper);
        return id;
    }

    /** Removes the first chunk. */
    void removeFirst() throws Exception {
        long id = ends.first;
        ends.first = chunk(id).next;
        if (ends.first == 0) {
            ends.last = 0;
        }
        cache.remove(id);
    }

    /** The newest entry; null when there is none. */
    @Nullable Place newest() throws Exception {
        return ends.last == 0 ? null : new Place(ends.last, chunk(ends.last).size - 1);
    }

    /** Turns a place to the entry before it; false when there is none. */
    boolean back(Place place) throws Exception {
        if (place.index > 0) {
            place.index--;
            return true;
        }
        if (place.chunk == ends.first) {
            return false;
        }
        place.chunk = chunk(place.chunk).previous;
        place.index = chunk(place.chunk).size - 1;
        return true;
    }

    /** Turns a place to the entry after it; false when there is none. */
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

    /** Visits the entries from a window's head on that have entered it at {@code now}, oldest first. */
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
}
