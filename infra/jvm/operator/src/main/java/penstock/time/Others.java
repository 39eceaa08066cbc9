package penstock.time;

import java.util.function.Consumer;
import org.apache.flink.api.connector.source.SourceEvent;

/**
 * What a reader knows of those in other processes. It tells the job's coordinator how far it is, is told how far the
 * slowest of all is, and then tells again: so what it knows may be old, but never says that another is further than it is.
 */
public final class Others {
    /** There are none. */
    public static final Others NONE = new Others(event -> {});

    private final Consumer<SourceEvent> coordinator;
    private long told = Long.MIN_VALUE;
    private long least = Long.MIN_VALUE;
    private boolean asking;

    public Others(Consumer<SourceEvent> coordinator) {
        this.coordinator = coordinator;
    }

    /** This reader's slowest partition is so far. Returns how far the slowest of the whole job is. */
    public long tell(long own) {
        if (this == NONE) {
            return own;
        }
        if (told == Long.MAX_VALUE && own != told) {
            // while it had no backlog it did not ask
            least = Long.MIN_VALUE;
        }
        if (!asking && (own != Long.MAX_VALUE || told != own)) {
            asking = true;
            told = own;
            coordinator.accept(new Reached(own));
        }
        return Math.min(own, least);
    }

    /** The slowest reader of the job is so far. */
    public void told(Reached reached) {
        asking = false;
        least = reached.time();
    }

    /** This reader holds nobody back any more. False until that could be told, which must be asked again. */
    public boolean leave() {
        tell(Long.MAX_VALUE);
        return this == NONE || told == Long.MAX_VALUE;
    }
}
