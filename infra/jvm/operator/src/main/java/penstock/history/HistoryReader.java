package penstock.history;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceEvent;
import org.apache.flink.api.connector.source.SourceOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.core.io.InputStatus;
import org.jspecify.annotations.Nullable;
import penstock.ingest.Row;
import penstock.ingest.RowParser;
import penstock.time.Alignment;
import penstock.time.Others;
import penstock.time.Reached;

/** Reads files of history in the order of their events' times, in step with all that the job reads beside them. */
final class HistoryReader implements SourceReader<Row, HistorySplit> {
    /** Events for each look at the other sources and at whatever else the task has to do. */
    private static final int BURST = 256;
    /** Wall-clock time between two looks while others are behind, and between two watermarks, in milliseconds. */
    private static final long LOOK = 5;

    private static final long EMIT = 200;

    private final RowParser parser;
    private final Alignment alignment;
    private final Others others;
    private final long drift;
    private final long cutOver;
    private final List<Lane> lanes = new ArrayList<>();
    private boolean complete;
    private long emittedAt;
    private CompletableFuture<Void> available = new CompletableFuture<>();

    /**
     * @param drift how far a file may be ahead of another one, in milliseconds of event time
     * @param cutOver the time before which all events lie
     */
    HistoryReader(RowParser parser, Alignment alignment, Others others, long drift, long cutOver) {
        this.parser = parser;
        this.alignment = alignment;
        this.others = others;
        this.drift = drift;
        this.cutOver = cutOver;
    }

    @Override
    public void start() {}

    @Override
    public void addSplits(List<HistorySplit> splits) {
        for (HistorySplit split : splits) {
            try {
                Lane lane = new Lane(split, parser);
                lanes.add(lane);
                alignment.join(lane.member);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        available.complete(null);
    }

    @Override
    public void notifyNoMoreSplits() {
        complete = true;
        available.complete(null);
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Row> output) throws Exception {
        emit(output);
        long limit = Alignment.limit(others.tell(alignment.least()), drift);
        for (int i = 0; i < BURST; i++) {
            Lane lane = earliest();
            if (lane == null) {
                return endOrWait();
            }
            if (lane.time() > limit) {
                return waitFor(LOOK);
            }
            Row row = lane.take();
            output.createOutputForSplit(lane.id()).collect(row, row.time);
            if (lane.isOver()) {
                end(lane, output);
            }
        }
        return InputStatus.MORE_AVAILABLE;
    }

    private @Nullable Lane earliest() {
        if (lanes.size() <= 1) {
            return lanes.isEmpty() ? null : lanes.get(0);
        }
        return lanes.stream().min(Comparator.comparingLong(Lane::time)).orElseThrow();
    }

    private InputStatus endOrWait() {
        if (!complete || !others.leave()) {
            return waitFor(LOOK);
        }
        // HybridSource asks again, and reports the end again, for as long as this is done
        available = new CompletableFuture<>();
        return InputStatus.END_OF_INPUT;
    }

    private InputStatus waitFor(long ms) {
        available = new CompletableFuture<Void>().completeOnTimeout(null, ms, TimeUnit.MILLISECONDS);
        return InputStatus.NOTHING_AVAILABLE;
    }

    /** An event's own time may come again, so the watermark stays before it. */
    private void emit(ReaderOutput<Row> output) {
        long now = System.currentTimeMillis();
        // the wall clock may go back
        if (Math.abs(now - emittedAt) < EMIT) {
            return;
        }
        emittedAt = now;
        // all are there before one of them emits: a file without an output would hold nothing back
        lanes.forEach(lane -> output.createOutputForSplit(lane.id()));
        for (Lane lane : lanes) {
            output.createOutputForSplit(lane.id()).emitWatermark(new Watermark(lane.time() - 1));
        }
    }

    private void end(Lane lane, ReaderOutput<Row> output) throws Exception {
        SourceOutput<Row> own = output.createOutputForSplit(lane.id());
        own.emitWatermark(new Watermark(cutOver - 1));
        output.releaseOutputForSplit(lane.id());
        alignment.leave(lane.member);
        lane.close();
        lanes.remove(lane);
    }

    @Override
    public void handleSourceEvents(SourceEvent event) {
        if (event instanceof Reached reached) {
            others.told(reached);
        }
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return available;
    }

    @Override
    public List<HistorySplit> snapshotState(long checkpoint) {
        return lanes.stream().map(Lane::split).toList();
    }

    @Override
    public void close() throws Exception {
        for (Lane lane : lanes) {
            alignment.leave(lane.member);
            lane.close();
        }
        lanes.clear();
    }
}
