package penstock.window;

import java.util.Set;
import penstock.number.Moments;
import penstock.plan.Arg;
import penstock.plan.Feature;
import penstock.plan.Parameters;
import penstock.plan.Type;
import penstock.plan.View;
import penstock.plan.Window;

/**
 * A feature over one window, as its accumulator is asked for. {@code together}: the aggregates of all features of its
 * argument, condition and window.
 */
record Asked(View view, Feature feature, Set<Aggregate> together) {
    Input input() {
        return new Input(feature.arg(), feature.where(), feature.arg() < 0 ? Type.INT64 : arg().type());
    }

    /** What it goes by. */
    Input by() {
        return new Input(feature.by(), feature.where(), view.args().get(feature.by()).type());
    }

    /** The type of its value, of a list that of the elements. */
    Type type() {
        return feature.type();
    }

    Parameters parameters() {
        return feature.parameters();
    }

    Window window() {
        return view.windows().get(feature.window());
    }

    /** Does no event leave its window alone, at a time of its own? */
    boolean lasting() {
        return !window().limited();
    }

    Moments moments() {
        return new Moments(arg().places());
    }

    /** {@code 10**places}, by which a float64 is made an integer; 0 for int64. */
    double scale() {
        return arg().type() == Type.FLOAT64 ? Double.parseDouble("1e" + arg().places()) : 0;
    }

    /** The greatest power that is summed for all of its argument, condition and window. */
    int powers() {
        return together.stream().mapToInt(aggregate -> aggregate.powers).max().orElse(0);
    }

    Type[] argTypes() {
        return view.args().stream().map(Arg::type).toArray(Type[]::new);
    }

    private Arg arg() {
        return view.args().get(feature.arg());
    }
}
