package penstock.time;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceEvent;
import org.apache.flink.api.connector.source.SourceOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.connector.kafka.source.split.KafkaPartitionSplit;
import org.apache.flink.core.io.InputStatus;
import penstock.ingest.Row;

/** Reads partitions of a topic in step with all others of the job, and emits the watermark of each. */
final class AlignedReader implements SourceReader<Row, KafkaPartitionSplit> {
    /** Wall-clock time between two looks at the other partitions, and between two watermarks, in milliseconds. */
    private static final long LOOK = 20;

    private static final long EMIT = 200;

    /** Within so many milliseconds of its start a reader may be given the first partitions; until then others wait. */
    private static final long FIRST = 2_000;

    /** Records between two looks at the wall clock, less one. */
    private static final int CLOCK_MASK = 63;

    private final SourceReader<Row, KafkaPartitionSplit> reader;
    private final Alignment alignment;
    private final Others others;
    private final Backlogs backlogs;
    private final Times times;
    private final long drift;
    private final long idle;
    private final Pace pace;
    private final long from;
    private final Map<String, PartitionTime> partitions = new LinkedHashMap<>();
    /** What Flink has paused. */
    private final Set<String> pausedByFlink = new HashSet<>();
    /** Stands for partitions that are still to come. */
    private Alignment.Member first = new Alignment.Member();

    private long startedAt;

    private Output output;
    private int polls;
    private long lookedAt;
    private long emittedAt;
    private CompletableFuture<Void> records;
    private volatile CompletableFuture<Void> available = CompletableFuture.completedFuture(null);

    AlignedReader(
            SourceReader<Row, KafkaPartitionSplit> reader,
            Alignment alignment,
            Others others,
            Backlogs backlogs,
            Times times,
            long drift,
            long idle,
            Pace pace,
            long from) {
        this.reader = reader;
        this.alignment = alignment;
        this.others = others;
        this.backlogs = backlogs;
        this.times = times;
        this.drift = drift;
        this.idle = idle;
        this.pace = pace;
        this.from = from;
    }

    @Override
    public void start() {
        startedAt = System.currentTimeMillis();
        if (first != null && times.timed()) {
            alignment.join(first);
        }
        reader.start();
    }

    @Override
    public void addSplits(List<KafkaPartitionSplit> given) {
        long now = System.currentTimeMillis();
        // a slow job finds a partition again before it has been given to a reader, and gives it twice
        List<KafkaPartitionSplit> splits =
                given.stream().filter(split -> !partitions.containsKey(split.splitId())).toList();
        if (splits.isEmpty()) {
            return;
        }
        for (KafkaPartitionSplit split : splits) {
            EventWatermarks watermarks =
                    new EventWatermarks(times.disorder(), times.maxAhead(), System::currentTimeMillis);
            watermarks.from(from);
            PartitionTime partition = new PartitionTime(
                    split.splitId(), split.getTopicPartition(), split.getStartingOffset(), watermarks, now);
            partitions.put(split.splitId(), partition);
            if (times.timed()) {
                alignment.join(partition.member);
                backlogs.watch(split.getTopicPartition());
            }
        }
        leaveFirst();
        reader.addSplits(splits);
    }

    private void leaveFirst() {
        if (first != null) {
            alignment.leave(first);
            first = null;
        }
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Row> to) throws Exception {
        if (output == null || output.to != to) {
            output = new Output(to);
        }
        InputStatus status = reader.pollNext(output);
        if ((polls++ & CLOCK_MASK) == 0 || status != InputStatus.MORE_AVAILABLE) {
            look(System.currentTimeMillis());
        }
        return status;
    }

    private void look(long now) {
        // the wall clock may go back
        if (Math.abs(now - lookedAt) >= LOOK) {
            lookedAt = now;
            if (times.timed()) {
                align(now);
            }
        }
        if (Math.abs(now - emittedAt) >= EMIT) {
            emittedAt = now;
            emit(now);
        }
    }

    private void align(long now) {
        if (Math.abs(now - startedAt) >= FIRST) {
            leaveFirst();
        }
        for (PartitionTime partition : partitions.values()) {
            partition.tell(now, backlogs);
        }
        hold(Alignment.limit(others.tell(alignment.least()), drift));
    }

    private void hold(long limit) {
        List<String> pause = new ArrayList<>();
        List<String> resume = new ArrayList<>();
        for (PartitionTime partition : partitions.values()) {
            boolean ahead = partition.member.behind && partition.member.reached > limit;
            if (ahead != partition.paused) {
                partition.paused = ahead;
                if (!pausedByFlink.contains(partition.id)) {
                    (ahead ? pause : resume).add(partition.id);
                }
            }
        }
        if (!pause.isEmpty() || !resume.isEmpty()) {
            reader.pauseOrResumeSplits(pause, resume);
        }
    }

    private void emit(long now) {
        // all are there before one of them emits: a partition without an output would hold nothing back
        partitions.keySet().forEach(output.to::createOutputForSplit);
        for (PartitionTime partition : partitions.values()) {
            SourceOutput<Row> own = output.to.createOutputForSplit(partition.id);
            if (times.timed()) {
                partition.emit(now, idle, pace, alignment, backlogs, own);
            } else {
                own.markIdle();
            }
        }
    }

    @Override
    public void pauseOrResumeSplits(Collection<String> pause, Collection<String> resume) {
        pausedByFlink.addAll(pause);
        pausedByFlink.removeAll(resume);
        reader.pauseOrResumeSplits(
                pause, resume.stream().filter(id -> !partitions.get(id).paused).toList());
    }

    /** There is something to do when records have come, and in any case from time to time. */
    @Override
    public CompletableFuture<Void> isAvailable() {
        CompletableFuture<Void> now = reader.isAvailable();
        if (now.isDone()) {
            return now;
        }
        if (available.isDone()) {
            available = new CompletableFuture<Void>().completeOnTimeout(null, LOOK, TimeUnit.MILLISECONDS);
        }
        if (now != records) {
            records = now;
            now.thenRun(() -> available.complete(null));
        }
        return now.isDone() ? now : available;
    }

    @Override
    public List<KafkaPartitionSplit> snapshotState(long checkpoint) {
        return reader.snapshotState(checkpoint);
    }

    @Override
    public void notifyNoMoreSplits() {
        reader.notifyNoMoreSplits();
    }

    @Override
    public void handleSourceEvents(SourceEvent event) {
        if (event instanceof Reached reached) {
            others.told(reached);
        } else {
            reader.handleSourceEvents(event);
        }
    }

    @Override
    public void notifyCheckpointComplete(long checkpoint) throws Exception {
        reader.notifyCheckpointComplete(checkpoint);
    }

    @Override
    public void notifyCheckpointAborted(long checkpoint) throws Exception {
        reader.notifyCheckpointAborted(checkpoint);
    }

    @Override
    public void close() throws Exception {
        leaveFirst();
        partitions.values().forEach(partition -> alignment.leave(partition.member));
        backlogs.close();
        reader.close();
    }

    /** Sees each row on its way. */
    private final class Output implements ReaderOutput<Row> {
        private final ReaderOutput<Row> to;

        Output(ReaderOutput<Row> to) {
            this.to = to;
        }

        @Override
        public SourceOutput<Row> createOutputForSplit(String split) {
            return new PartitionOutput(partitions.get(split), to.createOutputForSplit(split));
        }

        @Override
        public void releaseOutputForSplit(String split) {
            PartitionTime ended = partitions.remove(split);
            if (ended != null) {
                alignment.leave(ended.member);
            }
            to.releaseOutputForSplit(split);
        }

        @Override
        public void collect(Row row) {
            to.collect(row);
        }

        @Override
        public void collect(Row row, long timestamp) {
            to.collect(row, timestamp);
        }

        @Override
        public void emitWatermark(Watermark watermark) {
            to.emitWatermark(watermark);
        }

        @Override
        public void markIdle() {
            to.markIdle();
        }

        @Override
        public void markActive() {
            to.markActive();
        }
    }

    private record PartitionOutput(PartitionTime partition, SourceOutput<Row> to) implements SourceOutput<Row> {
        @Override
        public void collect(Row row) {
            partition.row(row);
            to.collect(row);
        }

        @Override
        public void collect(Row row, long timestamp) {
            partition.row(row);
            to.collect(row, timestamp);
        }

        @Override
        public void emitWatermark(Watermark watermark) {
            to.emitWatermark(watermark);
        }

        @Override
        public void markIdle() {
            to.markIdle();
        }

        @Override
        public void markActive() {
            to.markActive();
        }
    }
}
