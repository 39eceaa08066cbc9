package penstock.window;

import penstock.plan.Window;

/** All that a key keeps, but for its events. */
final class KeyState {
    /** Before the first event. */
    static final long BEFORE_ALL = Long.MIN_VALUE;

    long clock = BEFORE_ALL;
    long seq;
    /** The timer that is registered, at or before the next change point; {@link Window#NEVER} for none. */
    long timer = Window.NEVER;
    /** The source record applied last: the place of its source among those of the view, its place in the topic. */
    int source;

    int partition;

    long offset;
    /** The log's chunks; 0 when it is empty. */
    long firstChunk;

    long lastChunk;
    /** The last chunk id that was given. */
    long chunkIds;

    final Head[] heads;
    final Accumulator[] accumulators;

    KeyState(Head[] heads, Accumulator[] accumulators) {
        this.heads = heads;
        this.accumulators = accumulators;
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
        KeyState copy = new KeyState(headCopies, copies);
        copy.clock = clock;
        copy.seq = seq;
        copy.timer = timer;
        copy.source = source;
        copy.partition = partition;
        copy.offset = offset;
        copy.firstChunk = firstChunk;
        copy.lastChunk = lastChunk;
        copy.chunkIds = chunkIds;
        return copy;
    }
}
