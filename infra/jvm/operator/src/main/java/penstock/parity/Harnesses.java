package penstock.parity;

import org.apache.flink.api.common.typeinfo.BasicTypeInfo;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import penstock.route.Event;
import penstock.route.EventKey;
import penstock.window.FeatureRow;
import penstock.window.FeatureRowSerializer;
import penstock.window.WindowOperator;

/** A window operator in Flink's harness: without a cluster, on the caller's thread. */
public final class Harnesses {
    private Harnesses() {}

    /** @param state what the operator goes on from; null to begin anew */
    public static KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> open(
            WindowOperator operator, StateBackend backend, OperatorSubtaskState state) throws Exception {
        var harness = new KeyedOneInputStreamOperatorTestHarness<>(
                new KeyedProcessOperator<>(operator), new EventKey(), BasicTypeInfo.STRING_TYPE_INFO);
        harness.setStateBackend(backend);
        harness.setup(new FeatureRowSerializer());
        if (state != null) {
            harness.initializeState(state);
        }
        harness.open();
        return harness;
    }
}
