package penstock.parity;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.flink.kafka.shaded.org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;
import penstock.plan.PlanReader;
import penstock.plan.View;
import penstock.window.CutOver;

/** Views of one source, or of one union: what reads their sources, and their window operators. */
final class ViewsRun implements AutoCloseable {
    private final List<View> views = new ArrayList<>();
    private final List<SourceRun> sources = new ArrayList<>();
    private final List<ViewRun> runs = new ArrayList<>();
    private final ArrayNode dead = JsonNodeFactory.instance.arrayNode();
    private long checkpoints;

    /**
     * @param layouts source → where its columns stand in its records; none where all have their own names
     * @param now the wall clock, in milliseconds
     * @param cutOver the time before which history owns the events of some sources; null for none
     */
    ViewsRun(
            String[] plans,
            Map<String, String> layouts,
            Supplier<StateBackend> backend,
            long now,
            @Nullable Long cutOver,
            Set<String> owned)
            throws Exception {
        for (String plan : plans) {
            View view = PlanReader.read(plan);
            views.add(view);
            runs.add(new ViewRun(plan, backend.get(), cutOver == null ? null : cutOver(view, cutOver, owned)));
        }
        for (var source : views.get(0).sources()) {
            String layout = layouts.getOrDefault(source.name(), "");
            sources.add(new SourceRun(source.name(), layout, plans, runs, dead, now));
        }
    }

    private static CutOver cutOver(View view, long time, Set<String> owned) {
        boolean[] flags = new boolean[view.sources().size()];
        for (int i = 0; i < flags.length; i++) {
            flags[i] = owned.contains(view.sources().get(i).name());
        }
        return new CutOver(time, flags);
    }

    /** A row of a source's history. */
    void history(String source, long offset, byte[] raw) throws Exception {
        sources.get(source == null ? 0 : views.get(0).place(source)).history(offset, raw);
    }

    /** @param source whose record it is; null where there is one */
    void event(String source, ConsumerRecord<byte[], byte[]> record) throws Exception {
        int place = source == null ? 0 : views.get(0).place(source);
        sources.get(place).event(record);
    }

    void watermark(long time) throws Exception {
        for (ViewRun run : runs) {
            run.watermark(time);
        }
    }

    /** Snapshots, throws everything away and goes on from the snapshot. */
    void restore() throws Exception {
        checkpoints++;
        for (SourceRun source : sources) {
            source.restore(checkpoints);
        }
        for (ViewRun run : runs) {
            run.restore(checkpoints);
        }
    }

    ObjectNode answer() {
        ObjectNode answer = JsonNodeFactory.instance.objectNode();
        for (int view = 0; view < runs.size(); view++) {
            ObjectNode each = answer.withObject("/views").putObject(views.get(view).name());
            runs.get(view).answer(each);
            ObjectNode counts = each.putObject("of_sources");
            for (int source = 0; source < sources.size(); source++) {
                ObjectNode own = counts.putObject(views.get(view).sources().get(source).name());
                sources.get(source).answer(view, own);
                runs.get(view).count(source, own);
            }
        }
        answer.set("dead", dead);
        return answer;
    }

    @Override
    public void close() throws Exception {
        for (SourceRun source : sources) {
            source.close();
        }
        for (ViewRun run : runs) {
            run.close();
        }
    }
}
