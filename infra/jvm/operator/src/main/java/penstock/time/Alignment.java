package penstock.time;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Lets all partitions that a job reads in this process advance together in event time, whatever their topics: none is
 * read further than {@code drift} beyond the slowest of those that have a backlog.
 */
public final class Alignment {
    private static final Map<String, Alignment> JOBS = new ConcurrentHashMap<>();

    private final Set<Member> members = ConcurrentHashMap.newKeySet();

    /** That of all readers of a job in this process. */
    public static Alignment of(String job) {
        return JOBS.computeIfAbsent(job, name -> new Alignment());
    }

    /** What the others know of a partition. */
    public static final class Member {
        /** How far it has been read. */
        public volatile long reached = Long.MIN_VALUE;
        /** Has it a backlog: records that were there a second ago and are yet to be read? */
        public volatile boolean behind = true;
        /** Has it been read to its end, and was nothing new for a while? */
        volatile boolean quiet;
    }

    public void join(Member member) {
        members.add(member);
    }

    public void leave(Member member) {
        members.remove(member);
    }

    /** The greatest time that any partition has been read to. */
    long greatest() {
        return members.stream().mapToLong(member -> member.reached).max().orElse(Long.MIN_VALUE);
    }

    /** Is every partition quiet? */
    boolean isQuiet() {
        return members.stream().allMatch(member -> member.quiet);
    }

    /** How far the slowest of those that have a backlog has been read; the greatest number where none has one. */
    public long least() {
        long least = Long.MAX_VALUE;
        for (Member member : members) {
            if (member.behind) {
                least = Math.min(least, member.reached);
            }
        }
        return least;
    }

    /** The time beyond which no partition is to be read while the slowest is so far. */
    public static long limit(long least, long drift) {
        return least > Long.MAX_VALUE - drift ? Long.MAX_VALUE : least + drift;
    }
}
