package penstock.plan;

/** One feature: an aggregate over one window. {@code arg} and {@code where} are -1 where there is none. */
public record Feature(
        String name, String aggregate, int arg, int where, int window, Type type, Parameters parameters) {}
