package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;

/**
 * What one key keeps for aggregates over one window. Events are added in any order of time and removed oldest first,
 * all events of one time together. A class, because calls through an interface cost more than most of what they do.
 */
abstract class Accumulator {
    abstract void add(Chunk chunk, int i);

    abstract void remove(Chunk chunk, int i);

    /**
     * Takes out one event that is still alive, whatever its time. False when it cannot: then it has to be made anew
     * from the events that are left.
     */
    boolean retract(Chunk chunk, int i) {
        return false;
    }

    /** Called before anything else for each element: the current key's blocks, for what is kept beside the key's state. */
    void open(Blocks blocks) {}

    /** Empties itself; false when one made anew does as well. */
    boolean clear() {
        return false;
    }

    /**
     * Takes out the events of a step, all at once: none of those left is at {@code end} or before. {@code part}: the
     * accumulator over that step alone; null for what goes by time.
     */
    void removeStep(@Nullable Accumulator part, long end) {
        throw new IllegalStateException("a view with this aggregate keeps its events");
    }

    abstract void write(DataOutputView out) throws IOException;

    abstract void read(DataInputView in) throws IOException;

    /** A deep copy. */
    abstract Accumulator copy();

    /** What an accumulator is that may have to look for another value once one has been removed. */
    interface Refilled {
        /** Called once after a group of removals, with the events that are left. */
        void refill(Events left) throws Exception;

        /** Called once after a group of removals of steps, with those that are left. */
        default void refillFromSteps(Parts left) throws Exception {
            throw new IllegalStateException("a view with this aggregate keeps its events");
        }
    }

    /** A window's events, oldest first, from its head on. */
    interface Events {
        /** Calls {@code visit} until it returns false or the events end. */
        void forEach(Visit visit) throws Exception;
    }

    /** One step over the events. */
    interface Visit {
        boolean event(Chunk chunk, int i);
    }

    /** A window's steps, oldest first, from its head on. */
    interface Parts {
        /** Calls {@code visit} until it returns false or the steps end. */
        void forEach(PartVisit visit) throws Exception;
    }

    /** One step over the steps: no event of {@code part} is before {@code first}. */
    interface PartVisit {
        boolean step(long first, @Nullable Accumulator part);
    }

    /** Writes a feature's value from its accumulator; returns true when the value was lost to int64 overflow. */
    interface Emit {
        boolean write(Accumulator from, JsonWriter out);
    }
}
