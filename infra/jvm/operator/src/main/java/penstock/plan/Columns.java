package penstock.plan;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Which columns of a source some plans use. */
public final class Columns {
    private Columns() {}

    /** The names that the source's id and op, and keys and expressions of the views mention. */
    public static Set<String> used(Source source, List<View> views) {
        Set<String> names = new HashSet<>();
        names.add(source.id());
        names.add(source.op());
        for (View view : views) {
            view.key().forEach(key -> names.add(key.name()));
            view.args().forEach(arg -> collect(arg.expr(), names));
            view.wheres().forEach(where -> collect(where, names));
            if (view.filter() != null) {
                collect(view.filter(), names);
            }
        }
        return names;
    }

    private static void collect(Expr expr, Set<String> names) {
        if (expr.op().equals("column")) {
            names.add(expr.name());
        }
        expr.args().forEach(arg -> collect(arg, names));
    }
}
