package penstock.window;

import org.jspecify.annotations.Nullable;
import penstock.plan.Order;
import penstock.plan.Type;

/** Which events an accumulator takes, and what of them. {@code arg} and {@code where} are -1 where there is none. */
record Input(int arg, int where, Type type) {
    boolean takes(Chunk chunk, int i) {
        return (where < 0 || (chunk.wheres(i) >>> where & 1) != 0) && (arg < 0 || !chunk.isNull(arg, i));
    }

    long bits(Chunk chunk, int i) {
        return type.isText() ? 0 : chunk.bits(arg, i);
    }

    @Nullable String text(Chunk chunk, int i) {
        return type.isText() ? chunk.text(arg, i) : null;
    }

    int compare(long bitsA, @Nullable String textA, long bitsB, @Nullable String textB) {
        return Order.compare(type, bitsA, textA, bitsB, textB);
    }
}
