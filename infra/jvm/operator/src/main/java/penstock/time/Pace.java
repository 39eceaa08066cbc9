package penstock.time;

/** What moves the time of a partition that has been read to its end and is quiet. */
public enum Pace {
    /** Nothing: it no longer holds others back. */
    IDLE,
    /** The wall clock. */
    LIVE,
    /** The greatest event time of the job's other partitions; once all are quiet, nothing more is to come before it. */
    TOGETHER
}
