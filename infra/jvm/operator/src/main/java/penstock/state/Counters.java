package penstock.state;

import java.util.Arrays;
import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.OperatorStateStore;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;

/**
 * Counts of one view or source that survive a restart: kept in operator state, shown as the metrics
 * {@code <kind>.<view>.<name>}, without blanks.
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

    public void restore(OperatorStateStore store, String view) throws Exception {
        state = store.getListState(new ListStateDescriptor<>("counts " + view, LongPrimitiveArraySerializer.INSTANCE));
        for (long[] part : state.get()) {
            for (int i = 0; i < Math.min(values.length, part.length); i++) {
                values[i] += part[i];
            }
        }
    }

    public void snapshot() throws Exception {
        state.update(List.of(values.clone()));
    }

    public void show(MetricGroup group, String kind, String of) {
        MetricGroup own = group.addGroup(kind).addGroup(of);
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
