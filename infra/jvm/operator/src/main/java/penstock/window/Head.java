package penstock.window;

import penstock.plan.Window;

/** Where a window begins in a key's log: its oldest event that is alive. */
final class Head {
    /** The event's chunk, or 0 when nothing is alive; then the rest means nothing. */
    long chunk;

    int index;
    /** When the event leaves; {@link Window#NEVER} when nothing is alive. */
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
