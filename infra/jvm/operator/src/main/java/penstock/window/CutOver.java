package penstock.window;

import java.io.Serializable;
import penstock.route.Event;

/**
 * The time from which on a view's events are those of Kafka. Before it a source that has a history has the events of its
 * history, and of Kafka those that are shown to be new by their ids.
 *
 * @param time in milliseconds
 * @param owned by the place of a source among those of the view: has it a history?
 */
public record CutOver(long time, boolean[] owned) implements Serializable {
    /** The last moment before it: at this one every key emits the row that its history makes. */
    long eve() {
        return time - 1;
    }

    /** Is history still being read? Then nothing is emitted. */
    boolean isAhead(long watermark) {
        return watermark < eve();
    }

    /** Has the event to wait until all of history has been read? */
    boolean follows(Event event) {
        return event.time >= time || isOverlap(event);
    }

    /** Is it an event of Kafka from the time that history owns? */
    boolean isOverlap(Event event) {
        return event.time < time && owned[event.source] && event.partition >= 0;
    }
}
