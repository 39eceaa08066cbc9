package penstock.route;

import java.util.List;
import java.util.UUID;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;
import penstock.ingest.Bad;
import penstock.ingest.Row;
import penstock.plan.PlanReader;
import penstock.plan.View;
import penstock.state.Counters;
import penstock.types.PlainType;

/** Sends each row of a source to all its views: events to one side output per view, dead letters to the main output. */
public final class Router extends ProcessFunction<Row, DeadLetter>
        implements CheckpointedFunction, ResultTypeQueryable<DeadLetter> {
    private static final long serialVersionUID = 1L;
    private static final int IN = 0;
    private static final int APPLIED = 1;
    private static final int DEAD = 2;

    private final String source;
    private final SourceStart start;
    private final String[] plans;
    private final OutputTag<Event>[] tags;
    private transient View[] views;
    private transient ViewRoute[] routes;
    private transient Counters[] counters;
    /** Dead letters by their reasons. */
    private transient Counters reasons;

    private transient Positions positions;
    /** Of the rows of history, by file; null where there is none. */
    private transient @Nullable Positions history;

    /**
     * @param source its name
     * @param start where it goes on
     * @param plans the canonical plans of all views that read it
     */
    @SuppressWarnings({"unchecked", "rawtypes"})
    public Router(String source, SourceStart start, String... plans) {
        this.source = source;
        this.start = start;
        this.plans = plans;
        List<View> read = PlanReader.readAll(source, plans);
        tags = new OutputTag[plans.length];
        for (int i = 0; i < plans.length; i++) {
            tags[i] = tag(plans[i], read.get(i).name());
        }
    }

    private static OutputTag<Event> tag(String plan, String view) {
        return new OutputTag<>("events of " + view, new PlainType<>(Event.class, new EventSerializer(plan)));
    }

    /** The side output of the view with this place in the plans. */
    public OutputTag<Event> tag(int index) {
        return tags[index];
    }

    @Override
    public TypeInformation<DeadLetter> getProducedType() {
        return new PlainType<>(DeadLetter.class, new DeadLetterSerializer());
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        views = PlanReader.readAll(source, plans).toArray(View[]::new);
        counters = new Counters[views.length];
        for (int i = 0; i < views.length; i++) {
            counters[i] = new Counters("in", "applied", "dead");
            counters[i].restore(context.getOperatorStateStore(), views[i].name());
        }
        reasons = new Counters(Bad.codes());
        reasons.restore(context.getOperatorStateStore(), "dead letters");
        positions = new Positions(UUID.fromString(start.topicId()));
        positions.restore(context.getOperatorStateStore(), context.isRestored(), start.starts(), start.gone());
        if (start.historyId() != null) {
            history = new Positions(UUID.fromString(start.historyId()));
            history.restore(context.getOperatorStateStore(), "positions in history");
        }
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        for (Counters each : counters) {
            each.snapshot();
        }
        reasons.snapshot();
        positions.snapshot();
        if (history != null) {
            history.snapshot();
        }
    }

    @Override
    public void open(OpenContext context) {
        routes = new ViewRoute[views.length];
        for (int i = 0; i < views.length; i++) {
            int place = views[i].place(source);
            routes[i] = new ViewRoute(views[i], place);
            counters[i].show(Counters.group(getRuntimeContext().getMetricGroup(), views[i], place));
        }
        reasons.show(getRuntimeContext().getMetricGroup().addGroup("penstock_dead").addGroup(source));
    }

    @Override
    public void processElement(Row row, Context context, Collector<DeadLetter> dead) {
        if (!isNext(row)) {
            return;
        }
        boolean nothing = Bad.TOMBSTONE.equals(row.bad);
        if (row.bad != null && !nothing) {
            send(letter(row, null, row.bad), dead);
        }
        for (int i = 0; i < routes.length; i++) {
            counters[i].add(IN);
            if (row.bad != null) {
                counters[i].add(nothing ? APPLIED : DEAD);
            } else {
                route(row, i, context, dead);
            }
        }
    }

    private boolean isNext(Row row) {
        int lane = row.lane();
        return lane < 0 ? positions.pass(row.partition, row.offset) : history.pass(lane, row.offset);
    }

    private void route(Row row, int view, Context context, Collector<DeadLetter> dead) {
        Event event = routes[view].event(row);
        if (event != null) {
            context.output(tags[view], event);
        } else if (routes[view].bad() != null) {
            counters[view].add(DEAD);
            send(letter(row, views[view].name(), routes[view].bad()), dead);
        } else {
            counters[view].add(APPLIED);
        }
    }

    private void send(DeadLetter letter, Collector<DeadLetter> dead) {
        reasons.add(letter.error());
        dead.collect(letter);
    }

    private DeadLetter letter(Row row, String view, Bad bad) {
        return new DeadLetter(source, view, bad.code(), bad.detail(), row.partition, row.offset, row.raw);
    }

    /** The count {@code name} (in, applied, dead) of a view, by its place in the plans. */
    public long count(int view, String name) {
        return counters[view].get(name);
    }
}
