package penstock.state;

import java.util.Arrays;
import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import penstock.plan.View;

/**
 * Counts of one view or source that survive a restart: kept in operator state, shown as metrics.
 * After a change of parallelism each count goes on in one of the subtasks, so sums over subtasks stay right.
 */
public final class Counters {
    private final String[] names;
    private final long[] values;
    private ListState<long[]> state;

    public Counters(String... names) {
        this.names = names;
        values = new long[names.length];
    }

    /** @param of what is counted: different among the counts of one operator */
    public void restore(OperatorStateStore store, String of) throws Exception {
        state = store.getListState(new ListStateDescriptor<>("counts " + of, LongPrimitiveArraySerializer.INSTANCE));
        for (long[] part : state.get()) {
            for (int i = 0; i < Math.min(values.length, part.length); i++) {
                values[i] += part[i];
            }
        }
    }

    public void snapshot() throws Exception {
        state.update(List.of(values.clone()));
    }

    /** Where a view's metrics lie: {@code penstock.<view>}, for each source of a union {@code penstock.<view>.<source>}. */
    public static MetricGroup group(MetricGroup operator, View view, int place) {
        MetricGroup own = operator.addGroup("penstock").addGroup(view.name());
        return view.isUnion() ? own.addGroup(view.sources().get(place).name()) : own;
    }

    public void show(MetricGroup own) {
        for (int i = 0; i < names.length; i++) {
            int index = i;
            own.gauge(names[i].replace(' ', '_'), (Gauge<Long>) () -> values[index]);
        }
    }

    public void add(int index) {
        values[index]++;
    }

    public void add(String name) {
        values[place(name)]++;
    }

    public long get(String name) {
        return values[place(name)];
    }

    private int place(String name) {
        return Arrays.asList(names).indexOf(name);
    }
}
