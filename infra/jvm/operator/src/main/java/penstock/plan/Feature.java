package penstock.plan;

import java.util.List;

/**
 * One feature: an aggregate over one window. {@code arg}, {@code where} and {@code by} (the argument that argmax and
 * argmin go by) are -1 where there is none. {@code ages} are the windows of 1, 2, ... half-lives that a decayed value
 * goes through, {@code window} at last; none for others.
 */
public record Feature(
        String name,
        String aggregate,
        int arg,
        int where,
        int window,
        Type type,
        int by,
        Parameters parameters,
        List<Integer> ages) {

    /** The same over one of its ages. */
    public Feature over(int other) {
        return new Feature(name, aggregate, arg, where, other, type, by, parameters, ages);
    }
}
