package penstock.time;

import java.io.Serializable;
import penstock.plan.Source;

/**
 * A source's rules of time, in milliseconds. {@code timed}: do its rows have times? Others hold for all time, and move
 * none.
 */
record Times(boolean timed, long disorder, long maxAhead) implements Serializable {
    static Times of(Source source) {
        return new Times(source.time() != null, source.disorder(), source.maxAhead());
    }
}
