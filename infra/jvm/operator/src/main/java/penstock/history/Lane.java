package penstock.history;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import penstock.ingest.Row;
import penstock.ingest.RowParser;
import penstock.time.Alignment;

/** A file of history that is being read, one event ahead. */
final class Lane implements AutoCloseable {
    final Alignment.Member member = new Alignment.Member();
    private final HistorySplit split;
    private final RowParser parser;
    private final HistoryFile file;
    private long rows;
    /** The event that is read next; null after the last one. */
    private @Nullable Row next;

    Lane(HistorySplit split, RowParser parser) throws IOException {
        this.split = split;
        this.parser = parser;
        rows = split.rows();
        file = new HistoryFile(split.file(), rows);
        advance();
    }

    String id() {
        return split.splitId();
    }

    boolean isOver() {
        return next == null;
    }

    /** The next event's time. */
    long time() {
        return next.time;
    }

    /** The next event. */
    Row take() throws IOException {
        Row row = next;
        rows++;
        advance();
        return row;
    }

    private void advance() throws IOException {
        byte[] line = file.next();
        next = line == null ? null : parser.parse(line, Row.history(split.lane()), rows, RowParser.NO_TIMESTAMP);
        if (next == null) {
            member.behind = false;
        } else if (next.bad == null) {
            member.reached = next.time;
        } else {
            // what is written was good when it was read: a row that is not is sent on as a dead letter, in its place
            next.time = Math.max(member.reached, RowParser.TIME_MIN);
        }
    }

    /** Where it is read on. */
    HistorySplit split() {
        return new HistorySplit(split.lane(), split.file(), rows);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
