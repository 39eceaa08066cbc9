package penstock.history;

import org.apache.flink.api.connector.source.SourceSplit;

/**
 * One file of a source's history, its events in the order of their times, and how many of them have been read.
 *
 * @param lane its number among the source's files, which are read side by side
 */
public record HistorySplit(int lane, String file, long rows) implements SourceSplit {
    @Override
    public String splitId() {
        return "history-" + lane;
    }
}
