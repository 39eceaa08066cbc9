package penstock.time;

import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.kafka.shaded.org.apache.kafka.common.TopicPartition;
import penstock.ingest.Row;

/** One partition on its way through time. */
final class PartitionTime {
    /** Wall-clock time without records after which it is asked whether there are more, in milliseconds. */
    static final long QUIET = 100;

    private static final long NO_ROUND = -1;

    final String id;
    final Alignment.Member member = new Alignment.Member();
    private final TopicPartition place;
    private final EventWatermarks watermarks;
    /** The offset from which it is read on; below 0: from its first record. */
    private long next;
    /** What was its end a while ago; see {@link Alignment.Member#behind}. */
    private long target = Long.MAX_VALUE;

    private long looks;
    private boolean read;
    private long readAt;
    /** Is it known that no record is left? */
    private boolean ended;
    /** Is it held back? */
    boolean paused;

    /** The time to which the others had come when {@link #round} was still to begin, which asks for this one's end. */
    private long candidate;

    private long round = NO_ROUND;
    /** No record of others up to this time had been read before this one was asked for its end, and had come to it. */
    private long confirmed = Long.MIN_VALUE;

    PartitionTime(String id, TopicPartition place, long next, EventWatermarks watermarks, long now) {
        this.id = id;
        this.place = place;
        this.next = next;
        this.watermarks = watermarks;
        readAt = now;
    }

    void row(Row row) {
        next = row.offset + 1;
        read = true;
        if (row.bad == null) {
            watermarks.event(row.time);
        }
    }

    /** Tells the others how far it is. */
    void tell(long now, Backlogs backlogs) {
        if (read) {
            read = false;
            readAt = now;
            ended = false;
        } else if (!ended && !paused && now - readAt >= QUIET) {
            ended = backlogs.isEnd(place, next);
        }
        member.behind = !ended && isBehind(backlogs);
        if (!member.behind) {
            watermarks.end();
        }
        member.reached = watermarks.reached();
    }

    // behind is what does not read within a look's time what was there at the look: live topics always have a record to read
    private boolean isBehind(Backlogs backlogs) {
        boolean behind = member.behind;
        Long end = backlogs.end(place);
        if (end != null && backlogs.looks() != looks) {
            behind |= next < target && target != Long.MAX_VALUE;
            looks = backlogs.looks();
            target = end;
        }
        return behind && next < target;
    }

    /**
     * Emits its watermark. Once it has been read to its end and was quiet for {@code idle} milliseconds, {@code pace} says
     * what becomes of it.
     */
    void emit(long now, long idle, Pace pace, Alignment alignment, Backlogs backlogs, WatermarkOutput output) {
        boolean quiet = ended && now - readAt >= idle;
        if (pace == Pace.TOGETHER) {
            confirm(quiet, alignment, backlogs);
            member.quiet = quiet && confirmed >= alignment.greatest();
        }
        if (!quiet) {
            watermarks.emit(output);
            return;
        }
        switch (pace) {
            case IDLE -> output.markIdle();
            case LIVE -> {
                watermarks.atLeast(now - idle);
                watermarks.emit(output);
            }
            case TOGETHER -> {
                watermarks.atLeast(confirmed);
                if (alignment.isQuiet()) {
                    watermarks.settle(output);
                } else {
                    watermarks.emit(output);
                }
            }
        }
    }

    // what others have brought may have been sent after a record of this partition that has not been read yet, however
    // long that takes: only an end that is looked up afterwards shows that there is none
    private void confirm(boolean quiet, Alignment alignment, Backlogs backlogs) {
        if (!quiet) {
            round = NO_ROUND;
            return;
        }
        if (round != NO_ROUND && backlogs.isEnd(place, next, round)) {
            confirmed = candidate;
            round = NO_ROUND;
        }
        if (round == NO_ROUND && alignment.greatest() > confirmed) {
            candidate = alignment.greatest();
            round = backlogs.laterRound();
            backlogs.isEnd(place, next, round);
        }
    }
}
