package penstock.route;

import java.io.Serializable;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Where a source goes on.
 *
 * @param topicId the id that the cluster gave its topic, a UUID
 * @param starts where it begins anew, by partition, less than 0 for the first record; empty: where its own state says
 * @param gone by partition, the offset up to which its records can no longer be read; 0 for none
 * @param historyId of the files of history that it begins with, a UUID; null for none
 */
public record SourceStart(String topicId, long[] starts, long[] gone, @Nullable String historyId)
        implements Serializable {
    /** Of a source whose records come from no topic. */
    public static final SourceStart ITS_OWN = new SourceStart(
            new UUID(0, 0).toString(), new long[0], new long[0], new UUID(0, 0).toString());
}
