package penstock.window;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.base.ListSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import penstock.plan.PlanReader;
import penstock.route.Event;
import penstock.route.EventSerializer;
import penstock.types.PlainType;

/**
 * Holds each event of a view back until the watermark has passed its time, so that a key's events go on in the order of
 * their times, those of one time as they came. An event that the watermark has passed already goes on at once.
 */
public final class InOrder extends KeyedProcessFunction<String, Event, Event>
        implements CheckpointedFunction, ResultTypeQueryable<Event> {
    private static final long serialVersionUID = 1L;

    private final String plan;
    /** By their times. */
    private transient MapState<Long, List<Event>> ahead;
    private transient Reached reached;

    /** @param plan the view's canonical plan */
    public InOrder(String plan) {
        this.plan = plan;
        PlanReader.read(plan);
    }

    @Override
    public TypeInformation<Event> getProducedType() {
        return new PlainType<>(Event.class, new EventSerializer(plan));
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        reached = new Reached(context.getOperatorStateStore());
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        reached.snapshot();
    }

    @Override
    public void open(OpenContext context) {
        ahead = getRuntimeContext()
                .getMapState(new MapStateDescriptor<>(
                        "ahead", LongSerializer.INSTANCE, new ListSerializer<>(new EventSerializer(plan))));
    }

    @Override
    public void processElement(Event event, Context context, Collector<Event> out) throws Exception {
        if (event.time <= reached.now(context.timerService())) {
            out.collect(event);
            return;
        }
        List<Event> same = ahead.get(event.time);
        if (same == null) {
            same = new ArrayList<>(1);
            context.timerService().registerEventTimeTimer(event.time);
        }
        same.add(event);
        ahead.put(event.time, same);
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<Event> out) throws Exception {
        List<Event> due = ahead.get(time);
        ahead.remove(time);
        due.forEach(out::collect);
    }
}
