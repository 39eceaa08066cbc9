package penstock.time;

import org.apache.flink.api.connector.source.SourceEvent;

/**
 * How far the slowest partition that has a backlog has been read: of one reader, on the way to the job's coordinator, and
 * of all readers of the job, on the way back. {@link Long#MAX_VALUE}: none has a backlog.
 */
public record Reached(long time) implements SourceEvent {}
