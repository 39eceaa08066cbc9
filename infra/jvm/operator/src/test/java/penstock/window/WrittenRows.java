package penstock.window;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.runtime.state.KeyedStateBackend;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import penstock.plan.PlanReader;

/** The rows of keys as they stand in an operator's state, to be written again: what that costs without the windows. */
public final class WrittenRows {
    private final RowWriter writer;
    private final List<String> keys = new ArrayList<>();
    private final List<KeyState> states = new ArrayList<>();

    /**
     * @param plan the view's canonical plan, without an aggregate that keeps blocks
     * @param backend of the operator
     * @param asked the keys; those without state are left out
     */
    public WrittenRows(String plan, KeyedStateBackend<String> backend, String[] asked) throws Exception {
        Layout layout = new Layout(PlanReader.read(plan));
        if (layout.hasBlocks()) {
            throw new IllegalArgumentException("values in blocks are not read here");
        }
        writer = new RowWriter(layout);
        ValueState<KeyState> state = backend.getPartitionedState(
                VoidNamespace.INSTANCE,
                VoidNamespaceSerializer.INSTANCE,
                new ValueStateDescriptor<>("key", new KeyStateSerializer(plan)));
        for (String key : asked) {
            backend.setCurrentKey(key);
            if (state.value() != null) {
                keys.add(key);
                states.add(state.value());
            }
        }
    }

    /** Writes so many rows, of one key after the other; their bytes. */
    public long write(long rows) {
        long bytes = 0;
        for (long i = 0; i < rows; i++) {
            int key = (int) (i % keys.size());
            bytes += writer.row(keys.get(key), states.get(key)).value().length;
        }
        return bytes;
    }
}
