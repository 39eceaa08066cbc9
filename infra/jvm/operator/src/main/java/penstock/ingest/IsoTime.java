package penstock.ingest;

import java.time.LocalDate;
import java.time.Month;
import java.time.Year;
import penstock.plan.Zone;

/** Times in ISO 8601, read from bytes. Not for use by several threads. */
final class IsoTime {
    /** No time at all. */
    static final int WRONG = 1;
    /** A time that its zone skips, has twice, or does not know. */
    static final int NOT_ONCE = 2;

    private static final long DAY = 86_400_000;

    /** What is wrong with what was read last; 0: nothing. */
    int flaw;

    private byte[] in;
    private int at;
    private int end;

    /** Milliseconds since the epoch, finer ones floored; of any number where there is a {@link #flaw}. */
    long read(byte[] in, int from, int end, Zone zone) {
        this.in = in;
        this.at = from;
        this.end = end;
        flaw = 0;
        int year = digits(4);
        take('-');
        int month = digits(2);
        take('-');
        int day = digits(2);
        if (flaw != 0 || year == 0 || month < 1 || month > 12 || day < 1 || day > days(year, month)) {
            return wrong();
        }
        long local = LocalDate.of(year, month, day).toEpochDay() * DAY;
        if (at == end) {
            return inZone(local, zone);
        }
        local += ofDay();
        return flaw != 0 ? local : at == end ? inZone(local, zone) : withOffset(local);
    }

    private static int days(int year, int month) {
        return Month.of(month).length(Year.isLeap(year));
    }

    private long wrong() {
        flaw = WRONG;
        return 0;
    }

    private long ofDay() {
        if (in[at] != 'T' && in[at] != 't' && in[at] != ' ') {
            return wrong();
        }
        at++;
        int hour = digits(2);
        take(':');
        int minute = digits(2);
        int second = 0;
        int ms = 0;
        if (at < end && in[at] == ':') {
            at++;
            second = digits(2);
            ms = fraction();
        }
        return flaw != 0 || hour > 23 || minute > 59 || second > 59
                ? wrong()
                : ((hour * 60L + minute) * 60 + second) * 1000 + ms;
    }

    private int fraction() {
        if (at >= end || in[at] != '.' && in[at] != ',') {
            return 0;
        }
        int start = ++at;
        int ms = 0;
        int scale = 100;
        while (at < end && in[at] >= '0' && in[at] <= '9') {
            ms += (in[at++] - '0') * scale;
            scale /= 10;
        }
        return at == start ? (int) wrong() : ms;
    }

    private long withOffset(long local) {
        byte sign = in[at++];
        if (sign == 'Z' || sign == 'z') {
            return at == end ? local : wrong();
        }
        if (sign != '+' && sign != '-') {
            return wrong();
        }
        int hours = digits(2);
        int minutes = 0;
        if (at < end) {
            at += in[at] == ':' ? 1 : 0;
            minutes = digits(2);
        }
        if (flaw != 0 || at < end || hours > 23 || minutes > 59) {
            return wrong();
        }
        long offset = (hours * 60L + minutes) * 60_000;
        return sign == '-' ? local + offset : local - offset;
    }

    private long inZone(long local, Zone zone) {
        if (zone == null) {
            return wrong();
        }
        int times = 0;
        long time = 0;
        long[] starts = zone.starts();
        for (int i = first(zone, local); i < starts.length && (i == 0 || starts[i] <= local + 2 * DAY); i++) {
            long start = i == 0 ? Long.MIN_VALUE : starts[i];
            long offset = zone.offsets()[i];
            long stop = i + 1 < starts.length ? starts[i + 1] : Long.MAX_VALUE;
            if (offset == Zone.UNKNOWN) {
                times += local >= start ? 2 : 0;
            } else if (local - offset >= start && local - offset < stop) {
                times++;
                time = local - offset;
            }
        }
        flaw = times == 1 ? 0 : NOT_ONCE;
        return time;
    }

    private static int first(Zone zone, long local) {
        int low = 0;
        int high = zone.starts().length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (zone.starts()[middle] <= local - 2 * DAY) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return Math.max(low - 1, 0);
    }

    private int digits(int count) {
        int number = 0;
        for (int i = 0; i < count; i++) {
            if (at >= end || in[at] < '0' || in[at] > '9') {
                return (int) wrong();
            }
            number = number * 10 + in[at++] - '0';
        }
        return number;
    }

    private void take(char wanted) {
        if (at < end && in[at] == wanted) {
            at++;
        } else {
            flaw = WRONG;
        }
    }
}
