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
 * Counts of one view that survive a restart: kept in operator state, shown as the metrics {@code penstock.<view>.<name>},
 * for each source of a union {@code penstock.<view>.<source>.<name>}.
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
            for (int i = 0; i < values.length; i++) {
                values[i] += part[i];
            }
        }
    }

    public void snapshot() throws Exception {
        state.update(List.of(values.clone()));
    }

    /** @param place of the source that is counted among those of the view */
    public void show(MetricGroup group, View view, int place) {
        MetricGroup own = group.addGroup("penstock").addGroup(view.name());
        if (view.isUnion()) {
            own = own.addGroup(view.sources().get(place).name());
        }
        for (int i = 0; i < names.length; i++) {
            int index = i;
            own.gauge(names[i], (Gauge<Long>) () -> values[index]);
        }
    }

    public void add(int index) {
        values[index]++;
    }

    public long get(String name) {
        return values[Arrays.asList(names).indexOf(name)];
    }
}
