package penstock.plan;

/**
 * One feature: an aggregate over one window. {@code arg}, {@code where} and {@code by} (the argument that argmax and
 * argmin go by) are -1 where there is none.
 */
public record Feature(
        String name, String aggregate, int arg, int where, int window, Type type, int by, Parameters parameters) {}
