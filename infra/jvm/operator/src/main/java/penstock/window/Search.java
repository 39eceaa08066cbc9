package penstock.window;

import java.util.function.IntToLongFunction;

/** Search among times that rise. */
final class Search {
    private Search() {}

    /** The first place of {@code from} to {@code to} whose time is not before {@code time}; {@code to} where none is. */
    static int firstNotBefore(IntToLongFunction times, int from, int to, long time) {
        int low = from;
        int high = to;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (times.applyAsLong(middle) < time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
