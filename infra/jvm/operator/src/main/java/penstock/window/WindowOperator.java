package penstock.window;

import java.util.Arrays;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.jspecify.annotations.Nullable;
import penstock.plan.Op;
import penstock.plan.PlanReader;
import penstock.plan.View;
import penstock.plan.Window;
import penstock.route.Event;
import penstock.route.EventSerializer;
import penstock.state.Counters;
import penstock.types.PlainType;

/**
 * All windows of one view, in one pass over the time-ordered {@link Logs} of a key. Each applied event emits the key's
 * new row; when the watermark passes change points after the key's clock, each of them emits one too.
 */
public final class WindowOperator extends KeyedProcessFunction<String, Event, FeatureRow>
        implements CheckpointedFunction, ResultTypeQueryable<FeatureRow> {
    private static final long serialVersionUID = 1L;
    private static final int APPLIED = 0;
    private static final int TOO_LATE = 1;
    private static final int DUPLICATE = 2;
    private static final int SUM_OVERFLOW = 3;
    private static final int BEFORE_CUT = 4;

    private final String plan;
    /** Does each change point that the next event has overtaken emit its row, too? */
    private final boolean every;

    private final @Nullable CutOver cutOver;
    private transient Layout layout;
    /** By the place of an event's source. */
    private transient Counters[] counters;
    private transient ValueState<KeyState> states;
    /** Events that wait until history has been read; null where there is none. */
    private transient @Nullable ListState<Event> waiting;

    private transient Logs logs;
    /** Null where no aggregate keeps any. */
    private transient @Nullable Blocks blocks;
    private transient RowWriter rows;
    /** The event at hand as a chunk of one. */
    private transient Chunk one;
    private transient Numbering numbering;
    private transient Reached reached;
    /** How many have begun. */
    private transient long checkpoints;

    /** @param plan the view's canonical plan */
    public WindowOperator(String plan) {
        this(plan, false, null);
    }

    /**
     * @param plan the view's canonical plan
     * @param every for events in the order of their times: the rows are those of all change points, whenever the watermark
     *     comes; such an operator shows no counts
     */
    public WindowOperator(String plan, boolean every) {
        this(plan, every, null);
    }

    /**
     * @param plan the view's canonical plan
     * @param cutOver where history builds the state first
     */
    public WindowOperator(String plan, @Nullable CutOver cutOver) {
        this(plan, false, cutOver);
    }

    private WindowOperator(String plan, boolean every, @Nullable CutOver cutOver) {
        this.plan = plan;
        this.every = every;
        this.cutOver = cutOver;
        PlanReader.read(plan);
    }

    @Override
    public TypeInformation<FeatureRow> getProducedType() {
        return new PlainType<>(FeatureRow.class, new FeatureRowSerializer());
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        layout = new Layout(PlanReader.read(plan));
        counters = new Counters[layout.view.sources().size()];
        for (int i = 0; i < counters.length; i++) {
            counters[i] = new Counters("applied", "too_late", "duplicate", "sum_overflow", "before_cut");
            counters[i].restore(context.getOperatorStateStore(), counted(layout.view, i));
        }
        numbering = new Numbering(context.getOperatorStateStore(), context.isRestored());
        reached = new Reached(context.getOperatorStateStore());
    }

    private static String counted(View view, int place) {
        return view.isUnion() ? view.name() + " of " + view.sources().get(place).name() : view.name();
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        for (Counters each : counters) {
            each.snapshot();
        }
        numbering.snapshot();
        reached.snapshot();
        checkpoints++;
    }

    @Override
    public void open(OpenContext context) {
        states = getRuntimeContext().getState(new ValueStateDescriptor<>("key", new KeyStateSerializer(plan)));
        MapState<Long, Chunk> chunks = getRuntimeContext()
                .getMapState(new MapStateDescriptor<>("log", LongSerializer.INSTANCE, new ChunkSerializer(plan)));
        logs = new Logs(layout, chunks);
        blocks = layout.hasBlocks() ? blocks() : null;
        waiting = cutOver == null ? null : waiting();
        rows = new RowWriter(layout);
        one = new Chunk(layout.columns, 1);
        one.size = 1;
        for (int i = 0; i < counters.length && !every; i++) {
            counters[i].show(Counters.group(getRuntimeContext().getMetricGroup(), layout.view, i));
        }
    }

    private ListState<Event> waiting() {
        return getRuntimeContext().getListState(new ListStateDescriptor<>("waiting", new EventSerializer(plan)));
    }

    private Blocks blocks() {
        return new Blocks(getRuntimeContext()
                .getMapState(new MapStateDescriptor<>("blocks", LongSerializer.INSTANCE, new BlockSerializer())));
    }

    @Override
    public void processElement(Event event, Context context, Collector<FeatureRow> out) throws Exception {
        numbering.begin(context.timerService().currentProcessingTime());
        long watermark = reached.now(context.timerService());
        boolean building = cutOver != null && cutOver.isAhead(watermark);
        if (building && cutOver.follows(event)) {
            waiting.add(event);
            context.timerService().registerEventTimeTimer(cutOver.eve());
            return;
        }
        KeyState state = states.value();
        if (state == null) {
            state = layout.newState();
        }
        turnTo(state);
        boolean moved = every && fire(state, event.time - 1, watermark, event.key, out);
        boolean changed = apply(event, state, watermark);
        if (changed && !building) {
            emit(event.key, state, out);
        }
        if (changed && building) {
            awaitCutOver(state, context.timerService());
        } else if (changed || moved) {
            schedule(state, context.timerService());
        }
        letGo();
        if (changed || moved) {
            states.update(state);
        }
    }

    private void awaitCutOver(KeyState state, TimerService timers) {
        if (state.timer != cutOver.eve()) {
            state.timer = cutOver.eve();
            timers.registerEventTimeTimer(state.timer);
        }
    }

    private void turnTo(KeyState state) throws Exception {
        logs.open(state, checkpoints);
        if (blocks != null) {
            for (Accumulator accumulator : state.accumulators) {
                accumulator.open(blocks);
            }
        }
    }

    private void letGo() throws Exception {
        logs.close();
        if (blocks != null) {
            blocks.close();
        }
    }

    /** Takes the event into the state; false when that changes nothing. */
    private boolean apply(Event event, KeyState state, long watermark) throws Exception {
        state.horizon = Math.min(state.clock, watermark);
        if (cutOver != null && cutOver.isOverlap(event) && !isKnownOrNew(event, state)) {
            counters[event.source].add(BEFORE_CUT);
            return false;
        }
        ChunkList.Place known = known(event, state);
        if (known != null) {
            return change(event, state, known);
        }
        if (event.gone && event.op != Op.DELETE) {
            // nothing was known of it, and nothing is to be remembered
            counters[event.source].add(APPLIED);
            return false;
        }
        long now = Math.max(state.clock, event.time);
        if (!isTaken(event.time, Math.min(now, watermark))) {
            counters[event.source].add(TOO_LATE);
            return false;
        }
        applied(event, state);
        state.clock = now;
        state.horizon = Math.min(now, watermark);
        logs.expire(now);
        logs.forget();
        load(event, layout.hasSession && !layout.isTimely(event.time, state.horizon));
        logs.insert(one, 0);
        if (!event.gone) {
            accumulate(event.time, state);
        }
        return true;
    }

    /** Does the event's id tell whether history has had it? */
    private boolean isKnownOrNew(Event event, KeyState state) {
        // of a key that history did not reach it is told by the time alone
        state.horizon = Math.max(state.horizon, cutOver.eve());
        return event.id != null && logs.ofIds().keeps(event.time);
    }

    private void applied(Event event, KeyState state) {
        counters[event.source].add(APPLIED);
        state.seq = numbering.after(state.seq);
        state.source = event.source;
        state.partition = event.partition;
        state.offset = event.offset;
    }

    /** Where the event is that this one repeats or changes; null when it is new, or that one is forgotten. */
    private ChunkList.@Nullable Place known(Event event, KeyState state) throws Exception {
        EventLog log = logs.ofIds();
        return event.id != null && log.keeps(event.time) ? log.find(event.time, event.id) : null;
    }

    private boolean change(Event event, KeyState state, ChunkList.Place known) throws Exception {
        boolean wasGone = logs.ofIds().isGone(known);
        if (event.op == Op.INSERT || event.op == Op.DELETE && wasGone) {
            counters[event.source].add(DUPLICATE);
            return false;
        }
        applied(event, state);
        load(event, false);
        logs.ofIds().replace(known, one);
        return true;
    }

    private boolean isTaken(long time, long horizon) {
        for (int w = 0; w < layout.windows.length; w++) {
            if (layout.takes(w, time, horizon)) {
                return true;
            }
        }
        return false;
    }

    private void load(Event event, boolean late) {
        one.setTime(0, event.time);
        one.setNulls(0, event.nulls);
        one.setWheres(0, event.wheres | (late ? Chunk.OUTSIDE : 0) | (event.gone ? Chunk.GONE : 0));
        one.setId(0, event.id);
        for (int a = 0; a < layout.columns.size(); a++) {
            if (layout.columns.isText(a)) {
                one.setText(a, 0, event.texts[a]);
            } else {
                one.setBits(a, 0, event.bits[a]);
            }
        }
    }

    private void accumulate(long time, KeyState state) {
        for (int w = 0; w < layout.windows.length; w++) {
            // sessions take their events from the log, because one event can bring others with it
            if (!layout.windows[w].session()
                    && layout.windows[w].enter(time) <= state.clock
                    && layout.enters(w, time, state)) {
                for (int place : layout.byWindow[w]) {
                    state.accumulators[place].add(one, 0);
                }
            }
        }
    }

    private void emit(String key, KeyState state, Collector<FeatureRow> out) {
        out.collect(rows.row(key, state));
        if (rows.overflowed()) {
            counters[state.source].add(SUM_OVERFLOW);
        }
    }

    // A timer that is too early does no harm: it finds nothing due and goes on to the next change point. So a key whose
    // next change point only moves away keeps its timer, and a busy key costs one timer per watermark, not per event.
    private void schedule(KeyState state, TimerService timers) {
        long next = nextChange(state);
        if (next < state.timer) {
            if (state.timer != Window.NEVER) {
                timers.deleteEventTimeTimer(state.timer);
            }
            timers.registerEventTimeTimer(next);
            state.timer = next;
        }
    }

    private long nextChange(KeyState state) {
        long next = Window.NEVER;
        for (int h = 0; h < state.heads.length; h++) {
            if (layout.changes(h)) {
                next = Math.min(next, state.heads[h].leave);
            }
        }
        return next;
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<FeatureRow> out) throws Exception {
        KeyState state = states.value();
        if (state == null) {
            state = layout.newState();
        }
        state.timer = Window.NEVER;
        turnTo(state);
        numbering.begin(context.timerService().currentProcessingTime());
        long watermark = context.timerService().currentWatermark();
        long horizon = reached.now(context.timerService());
        if (cutOver != null && time == cutOver.eve()) {
            handOver(context.getCurrentKey(), state, horizon, out);
        }
        fire(state, watermark, horizon, context.getCurrentKey(), out);
        schedule(state, context.timerService());
        letGo();
        states.update(state);
    }

    /** Emits a row at each change point up to {@code last}. Was there one? */
    private boolean fire(KeyState state, long last, long horizon, String key, Collector<FeatureRow> out)
            throws Exception {
        boolean moved = false;
        for (long due = nextChange(state); due != Window.NEVER && due <= last; due = nextChange(state)) {
            moved = true;
            if (logs.expire(due)) {
                turnClock(state, due, horizon);
                emit(key, state, out);
            }
        }
        return moved;
    }

    private void turnClock(KeyState state, long time, long horizon) throws Exception {
        state.clock = time;
        state.horizon = Math.min(time, horizon);
        logs.forget();
        state.seq = numbering.after(state.seq);
    }

    /** Emits what history has made of the key, and lets in what has waited for that. */
    private void handOver(String key, KeyState state, long horizon, Collector<FeatureRow> out) throws Exception {
        if (state.clock != KeyState.BEFORE_ALL) {
            logs.expire(cutOver.eve());
            turnClock(state, cutOver.eve(), horizon);
            emit(key, state, out);
        }
        for (Event event : waiting.get()) {
            if (apply(event, state, cutOver.eve())) {
                emit(key, state, out);
            }
        }
        waiting.clear();
    }

    /**
     * The count {@code name} of all sources: applied, too_late, duplicate, before_cut, or sum_overflow (rows with a sum
     * lost to int64, of the source of the event applied last).
     */
    public long count(String name) {
        return Arrays.stream(counters).mapToLong(each -> each.get(name)).sum();
    }

    /** The count of the source at a place among those of the view. */
    public long count(int source, String name) {
        return counters[source].get(name);
    }
}
