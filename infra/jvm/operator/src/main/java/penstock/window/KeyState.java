package penstock.window;

import org.jspecify.annotations.Nullable;
import penstock.plan.Window;

/** All that a key keeps, but for its events. */
final class KeyState {
    /** Before the first event. */
    static final long BEFORE_ALL = Long.MIN_VALUE;

    long clock = BEFORE_ALL;
    /**
     * The key's clock, or the watermark where that is less: what can come is not told by what has come, because another
     * partition may be behind. Not kept, because each element tells it anew.
     */
    long horizon = BEFORE_ALL;

    long seq;
    /** The timer that is registered, at or before the next change point; {@link Window#NEVER} for none. */
    long timer = Window.NEVER;
    /** The source record applied last: the place of its source among those of the view, its place in the topic. */
    int source;

    int partition;

    long offset;
    /** The last chunk id that was given: an id is of one chunk, whatever its log. */
    long chunkIds;
    /**
     * By log. In a {@link Layout#isMixed mixed} layout that of the events, then that of the steps.
     */
    final Chunks[] logs;

    final Head[] heads;
    final Accumulator[] accumulators;

    /**
     * The ends of a log's list of chunks; 0 when it is empty. A backend that keeps objects gives the same key's back for its
     * next element, and the chunks that they name with it: each of its look-ups waits for memory several times. Not after
     * a checkpoint has begun, which may still read them: then the backend gives copies, once it is asked.
     */
    static final class Chunks {
        long first;
        long last;
        /** The chunks of those ids as the backend has them; null where that is not known. One that is both is the last. */
        @Nullable Chunk firstChunk;

        @Nullable Chunk lastChunk;
        /** How many checkpoints had begun when they were looked up. */
        long checkpoints;

        Chunks copy() {
            Chunks copy = new Chunks();
            copy.first = first;
            copy.last = last;
            return copy;
        }
    }

    KeyState(Chunks[] logs, Head[] heads, Accumulator[] accumulators) {
        this.logs = logs;
        this.heads = heads;
        this.accumulators = accumulators;
    }

    /** Empty ones. */
    static Chunks[] newLogs(int count) {
        Chunks[] logs = new Chunks[count];
        for (int i = 0; i < count; i++) {
            logs[i] = new Chunks();
        }
        return logs;
    }

    /** A deep copy. */
    KeyState copy() {
        Head[] headCopies = new Head[heads.length];
        for (int i = 0; i < heads.length; i++) {
            headCopies[i] = heads[i].copy();
        }
        Accumulator[] copies = new Accumulator[accumulators.length];
        for (int i = 0; i < accumulators.length; i++) {
            copies[i] = accumulators[i].copy();
        }
        Chunks[] logCopies = new Chunks[logs.length];
        for (int i = 0; i < logs.length; i++) {
            logCopies[i] = logs[i].copy();
        }
        KeyState copy = new KeyState(logCopies, headCopies, copies);
        copy.clock = clock;
        copy.horizon = horizon;
        copy.seq = seq;
        copy.timer = timer;
        copy.source = source;
        copy.partition = partition;
        copy.offset = offset;
        copy.chunkIds = chunkIds;
        return copy;
    }
}
