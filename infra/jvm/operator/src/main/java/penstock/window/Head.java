package penstock.window;

import penstock.plan.Window;

/**
 * A mark in a key's log: the oldest event that has not yet passed, by the meaning of its {@link Layout.Role}. Events that
 * are gone may pass before the key's clock is there: time goes on over them, and no value changes.
 */
final class Head {
    /** The event's chunk, or 0 when there is none; then the rest means nothing. */
    long chunk;

    int index;
    /** When the event passes; {@link Window#NEVER} when there is none. */
    long leave = Window.NEVER;

    Head copy() {
        Head copy = new Head();
        copy.chunk = chunk;
        copy.index = index;
        copy.leave = leave;
        return copy;
    }

    void clear() {
        chunk = 0;
        index = 0;
        leave = Window.NEVER;
    }

    void set(long newChunk, int newIndex, long newLeave) {
        chunk = newChunk;
        index = newIndex;
        leave = newLeave;
    }
}
